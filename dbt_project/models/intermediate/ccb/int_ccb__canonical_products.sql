-- A rate that agreements of two commodities have is of neither: they get the default product of their commodity.
with rates as (
    select * from {{ ref('int_ccb__current_rates') }}
),

agreements as (
    select * from {{ ref('int_ccb__service_agreements') }}
    where is_revenue
),

rates_in_use as (
    select
        rates.rate_schedule_code,
        case when min(agreements.commodity) = max(agreements.commodity) then min(agreements.commodity) end as commodity,
        max(rates.last_updated_at) as last_updated_at,
        max(rates._load_sequence) as through_sequence
    from rates
    inner join agreements
        on rates.service_agreement_id = agreements.service_agreement_id
    group by rates.rate_schedule_code
),

final as (
    select
        {{ external_id('CCB', 'RS', 'rate_schedule_code') }} as product_key,
        'CCB' as source_system,
        rate_schedule_code as native_id,

        concat_ws(' ', upper(commodity[1]) || commodity[2:], rate_schedule_code) as product_name,
        commodity,
        rate_schedule_code as rate_code,
        false as is_default,

        last_updated_at,
        through_sequence,
        []::varchar[] as unknown_codes
    from rates_in_use
)

select * from final
