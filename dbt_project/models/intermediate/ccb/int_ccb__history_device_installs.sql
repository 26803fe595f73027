-- The meter of an install is the one of its configuration, which does not change.
with installs as (
    {{ periods_of(
        ref('stg_ccb__meter_installs'),
        ['meter_install_id'],
        ['service_point_id', 'meter_configuration_id', 'removed_at']
    ) | indent(4) }}
),

configurations as (
    select * from {{ ref('int_ccb__latest_meter_configurations') }}
),

final as (
    select
        {{ external_id('CCB', 'SPMH', 'installs.meter_install_id') }} as device_install_key,
        installs.valid_from,
        installs.valid_to,
        'CCB' as source_system,
        installs.meter_install_id as native_id,
        {{ external_id('CCB', 'MTR', 'configurations.meter_id') }} as device_key,
        {{ external_id('CCB', 'SP', 'installs.service_point_id') }} as service_point_key,

        {{ local_date('configurations.effective_at') }} as install_date,
        {{ local_date('installs.removed_at') }} as removal_date,

        installs.through_sequence
    from installs
    left join configurations
        on installs.meter_configuration_id = configurations.meter_configuration_id
)

select * from final
