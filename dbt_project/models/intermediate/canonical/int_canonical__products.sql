with systems as (
    {{ canonical_rows('products') | indent(4) }}
),

-- What an agreement gets whose rate is not known: rows of the platform's own, not of a source.
default_products as (
    select
        {{ external_id('SYS', 'PROD', 'product_code') }} as product_key,
        'SYS' as source_system,
        product_code as native_id,
        product_name,
        commodity,
        null::varchar as rate_code,
        true as is_default,
        null::timestamp as last_updated_at,
        0::bigint as through_sequence,
        []::varchar[] as unknown_codes
    from {{ ref('default_products') }}
),

products as (
    select * from systems
    union all by name
    select * from default_products
),

counted as (
    select
        *,
        count(*) over (partition by product_key) as key_count
    from products
),

final as (
    select
        * exclude (key_count, unknown_codes),
        {{ faults([
            {'when': 'key_count > 1', 'code': 'product.duplicate_key', 'field': 'product_key'},
            {'when': 'commodity is null', 'code': 'product.required_missing', 'field': 'commodity'}
        ], entity='product') }} as faults
    from counted
)

select * from final
