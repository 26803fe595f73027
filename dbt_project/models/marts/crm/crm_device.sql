with devices as (
    select *
    from {{ ref('int_canonical__devices') }}
    where {{ is_good() }}
),

final as (
    select
        device_key,
        source_system,
        native_id,
        badge_number,
        serial_number,
        device_name,
        device_type_code,
        manufacturer_code,
        model_code,
        device_status,
        service_point_key,
        premise_key,
        install_date,
        removal_date,
        register_factor,
        party_key,
        last_updated_at,
        through_sequence
    from devices
)

select * from final
