-- One row a division and rate category that a contract has: a contract's product is one of these, or the default one.
with contracts as (
    select * from {{ ref('int_isu__contracts') }}
    where rate_category_code is not null and division_code is not null
),

final as (
    select
        {{ external_id('ISU', 'TARIF', 'division_code', 'rate_category_code') }} as product_key,
        'ISU' as source_system,
        division_code || '|' || rate_category_code as native_id,

        concat_ws(' ', upper(min(commodity)[1]) || min(commodity)[2:], rate_category_code) as product_name,
        min(commodity) as commodity,
        rate_category_code as rate_code,
        false as is_default,

        max(last_updated_at) as last_updated_at,
        max(through_sequence) as through_sequence,
        {{ unknown_codes([
            {'field': 'commodity', 'code': 'division_code', 'meaning': 'min(commodity)'}
        ]) }} as unknown_codes
    from contracts
    group by client, division_code, rate_category_code
)

select * from final
