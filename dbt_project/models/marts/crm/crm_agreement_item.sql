with agreement_items as (
    select *
    from {{ ref('int_canonical__agreement_items') }}
    where {{ is_good() }}
),

final as (
    select
        agreement_item_key,
        source_system,
        native_id,
        service_agreement_key,
        service_point_key,
        billing_account_key,
        product_key,
        start_date,
        end_date,
        use_percent,
        usage_sign,
        device_key,
        premise_key,
        usage_quantity_12m,
        usage_unit,
        last_updated_at,
        through_sequence
    from agreement_items
)

select * from final
