-- A slice is one by its first day: when it ends its last day is written anew, in another row of the source.
with slices as (
    {{ periods_of(
        ref('stg_isu__installation_devices'),
        ['client', 'installation_id', 'logical_device_id', 'slice_start_date'],
        ['slice_end_date'],
        is_deleted='is_deleted'
    ) | indent(4) }}
),

keyed as (
    select
        *,
        {{ external_id(
            'ISU', 'EASTL', 'installation_id', 'logical_device_id', "strftime(slice_start_date, '%Y%m%d')"
        ) }} as device_install_key
    from slices
    where slice_start_date is not null
),

installs as (
    select * from {{ ref('int_isu__canonical_device_installs') }}
),

final as (
    select
        keyed.device_install_key,
        keyed.valid_from,
        keyed.valid_to,
        'ISU' as source_system,
        concat_ws(
            '|', keyed.installation_id, keyed.logical_device_id, strftime(keyed.slice_start_date, '%Y%m%d')
        ) as native_id,
        installs.device_key,
        {{ external_id('ISU', 'INST', 'keyed.installation_id', client='keyed.client') }} as service_point_key,

        keyed.slice_start_date as install_date,
        keyed.slice_end_date + 1 as removal_date,

        keyed.through_sequence
    from keyed
    left join installs
        on keyed.device_install_key = installs.device_install_key
)

select * from final
