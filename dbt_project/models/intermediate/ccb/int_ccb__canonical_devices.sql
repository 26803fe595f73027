-- Installed where its newest install says. A meter that was taken out is in the store until it retires.
with meters as (
    select * from {{ ref('int_ccb__latest_meters') }}
),

points as (
    select * from {{ ref('int_ccb__latest_service_points') }}
),

newest_install as (
    select *
    from {{ ref('int_ccb__meter_installs') }}
    where meter_id is not null
    qualify row_number() over (
        partition by meter_id
        order by is_installed desc, configured_at desc nulls last, meter_install_id desc
    ) = 1
),

located as (
    select
        meters.*,
        case when newest_install.is_installed then newest_install.service_point_id end as service_point_id,
        case when newest_install.is_installed then points.premise_id end as premise_id,
        newest_install.configured_at,
        newest_install.removed_at,
        coalesce(meters.retire_date <= {{ as_of() }}, false) as is_retired,
        coalesce(newest_install.is_installed, false) as is_installed,
        greatest(meters.last_updated_at, newest_install.last_updated_at) as changed_at,
        greatest(meters._load_sequence, newest_install._load_sequence) as through_sequence
    from meters
    left join newest_install
        on meters.meter_id = newest_install.meter_id
    left join points
        on newest_install.service_point_id = points.service_point_id
),

final as (
    select
        {{ external_id('CCB', 'MTR', 'meter_id') }} as device_key,
        'CCB' as source_system,
        meter_id as native_id,

        badge_number,
        serial_number,
        coalesce(badge_number, serial_number, meter_id) as device_name,
        meter_type_code as device_type_code,
        manufacturer_code,
        model_code,
        case when is_retired then 'retired' when is_installed then 'installed' else 'in_store' end as device_status,
        case when not is_retired then {{ external_id('CCB', 'SP', 'service_point_id') }} end as service_point_key,
        case when not is_retired then {{ external_id('CCB', 'PREM', 'premise_id') }} end as premise_key,
        {{ local_date('configured_at') }} as install_date,
        {{ local_date('removed_at') }} as removal_date,
        null::decimal(18, 6) as register_factor,

        changed_at as last_updated_at,
        through_sequence,
        []::varchar[] as unknown_codes
    from located
)

select * from final
