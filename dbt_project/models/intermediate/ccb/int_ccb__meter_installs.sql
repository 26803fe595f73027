-- Installs with the meter they are of. The source says when a configuration took effect and when an install ended.
with installs as (
    select * from {{ ref('int_ccb__latest_meter_installs') }}
),

configurations as (
    select * from {{ ref('int_ccb__latest_meter_configurations') }}
),

final as (
    select
        installs.meter_install_id,
        installs.service_point_id,
        installs.meter_configuration_id,
        configurations.meter_id,
        configurations.effective_at as configured_at,
        installs.removed_at,
        installs.removed_at is null as is_installed,
        greatest(installs.last_updated_at, configurations.last_updated_at) as last_updated_at,
        greatest(installs._load_sequence, configurations._load_sequence) as _load_sequence
    from installs
    left join configurations
        on installs.meter_configuration_id = configurations.meter_configuration_id
)

select * from final
