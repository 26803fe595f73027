-- One row an account with agreements for energy: whether one of them is live. Deposits and other special roles make
-- nobody a customer.
with agreements as (
    select * from {{ ref('int_ccb__service_agreements') }}
),

final as (
    select
        account_id,
        case
            when bool_or(is_live) then 'active'
            -- a status that no list knows might be a live one
            when bool_and(agreement_status is not null) then 'inactive'
        end as account_status
    from agreements
    where is_revenue
    group by account_id
)

select * from final
