-- Every install there is record of: what the CRM sees of it is the current one, on the device.
with installs as (
    select * from {{ ref('int_ccb__meter_installs') }}
),

final as (
    select
        {{ external_id('CCB', 'SPMH', 'meter_install_id') }} as device_install_key,
        'CCB' as source_system,
        meter_install_id as native_id,
        {{ external_id('CCB', 'MTR', 'meter_id') }} as device_key,
        {{ external_id('CCB', 'SP', 'service_point_id') }} as service_point_key,

        {{ local_date('configured_at') }} as install_date,
        {{ local_date('removed_at') }} as removal_date,
        is_installed as is_current,

        last_updated_at,
        _load_sequence as through_sequence,
        []::varchar[] as unknown_codes
    from installs
)

select * from final
