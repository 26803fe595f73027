with service_points as (
    select *
    from {{ ref('int_canonical__service_points') }}
    where {{ is_good() }}
),

final as (
    select
        service_point_key,
        source_system,
        native_id,
        premise_key,
        commodity,
        business_unit,
        service_point_status,
        market_id,
        activation_date,
        disconnect_date,
        abolish_date,
        substation_code,
        feeder_code,
        node_code,
        read_instruction,
        read_warning,
        service_point_type_code,
        is_solar,
        average_monthly_usage,
        billing_account_key,
        party_key,
        last_updated_at,
        through_sequence
    from service_points
)

select * from final
