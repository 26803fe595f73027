with accounts as (
    select * from {{ ref('int_ccb__latest_accounts') }}
),

account_customers as (
    select * from {{ ref('int_ccb__account_customers') }}
),

account_agreements as (
    select * from {{ ref('int_ccb__account_agreements') }}
),

final as (
    select
        accounts.account_id,
        account_customers.person_id as customer_id,
        accounts.mailing_premise_id,

        accounts.customer_class_code,
        accounts.bill_cycle_code,
        accounts.collection_class_code,
        accounts.division_code,
        accounts.currency_code,

        coalesce(account_customers.main_customer_count, 0)::integer as main_customer_count,
        coalesce(account_agreements.agreement_count, 0)::integer as agreement_count,
        coalesce(account_agreements.live_agreement_count, 0)::integer as live_agreement_count,
        coalesce(account_agreements.live_agreement_count, 0) > 0 as is_active,
        coalesce(account_agreements.has_electricity, false) as has_electricity,
        coalesce(account_agreements.has_gas, false) as has_gas,

        accounts.setup_date,
        account_agreements.first_start_date,
        account_agreements.last_end_date,
        accounts.last_updated_at,
        accounts._load_sequence as through_sequence
    from accounts
    left join account_customers
        on accounts.account_id = account_customers.account_id
    left join account_agreements
        on accounts.account_id = account_agreements.account_id
)

select * from final
