with products as (
    select *
    from {{ ref('int_canonical__products') }}
    where {{ is_good() }}
),

final as (
    select
        product_key,
        source_system,
        native_id,
        product_name,
        commodity,
        rate_code,
        is_default,
        last_updated_at,
        through_sequence
    from products
)

select * from final
