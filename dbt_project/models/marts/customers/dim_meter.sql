with meters as (
    select * from {{ ref('int_ccb__latest_meters') }}
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

final as (
    select
        meters.meter_id,
        newest_install.service_point_id,

        meters.badge_number,
        meters.serial_number,
        meters.meter_type_code,
        meters.manufacturer_code,
        meters.model_code,
        coalesce(newest_install.is_installed, false) as is_installed,
        meters.retire_date is not null as is_retired,

        meters.receive_date,
        meters.retire_date,
        newest_install.configured_at,
        newest_install.removed_at,
        meters.last_updated_at,
        meters._load_sequence as through_sequence
    from meters
    left join newest_install
        on meters.meter_id = newest_install.meter_id
)

select * from final
