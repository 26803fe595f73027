-- One row an account: how many agreements it has, and of which commodities the live ones are.
with agreements as (
    select * from {{ ref('int_ccb__service_agreements') }}
),

final as (
    select
        account_id,
        count(*) as agreement_count,
        count(*) filter (where is_live) as live_agreement_count,
        coalesce(bool_or(commodity = 'electricity') filter (where is_live), false) as has_electricity,
        coalesce(bool_or(commodity = 'gas') filter (where is_live), false) as has_gas,
        min(start_date) as first_start_date,
        case when count(*) filter (where is_live) = 0 then max(end_date) end as last_end_date
    from agreements
    where agreement_status is distinct from 'cancelled'
    group by account_id
)

select * from final
