-- Billing accounts of every system, with what they owe, what was paid last and which business units serve them.
with accounts as (
    {{ canonical_rows('billing_accounts') | indent(4) }}
),

balances as (
    {{ canonical_rows('balances') | indent(4) }}
),

payments as (
    {{ canonical_rows('payments') | indent(4) }}
),

roles as (
    {{ canonical_rows('account_roles') | indent(4) }}
),

agreements as (
    {{ canonical_rows('service_agreements') | indent(4) }}
),

business_units as (
    select * from {{ ref('int_canonical__account_business_units') }}
),

parties as (
    select party_key
    from {{ ref('int_canonical__parties') }}
    where {{ is_good() }}
),

duplicates as (
    select billing_account_key
    from accounts
    group by billing_account_key
    having count(*) > 1
),

main_customers as (
    select
        billing_account_key,
        count(*) as main_customer_count
    from roles
    where is_main
    group by billing_account_key
),

-- an account whose every live agreement is suspended is suspended itself
suspensions as (
    select
        billing_account_key,
        bool_or(agreement_status = 'suspended')
        and not coalesce(bool_or(agreement_status = 'active'), false) as is_suspended
    from agreements
    group by billing_account_key
),

last_payments as (
    select
        billing_account_key,
        arg_max(payment_date, row(payment_date, payment_key)) as payment_date,
        arg_max(payment_amount_usd, row(payment_date, payment_key)) as payment_amount_usd,
        max(last_updated_at) as last_updated_at,
        max(through_sequence) as through_sequence
    from payments
    where payment_status = 'posted' and payment_date is not null
    group by billing_account_key
),

final as (
    select
        accounts.billing_account_key,
        accounts.source_system,
        accounts.native_id,
        accounts.account_name,
        accounts.party_key,

        accounts.customer_class,
        accounts.bill_cycle_code,
        accounts.bill_frequency,
        accounts.bill_delivery_method,
        accounts.is_autopay,
        accounts.currency_code,
        case
            when accounts.account_status = 'active' and suspensions.is_suspended then 'suspended'
            else accounts.account_status
        end as account_status,
        accounts.set_up_date,

        coalesce(balances.balance_amount_usd, 0)::decimal(18, 2) as balance_amount_usd,
        balances.payoff_balance_usd,
        coalesce(balances.overdue_amount_usd, 0)::decimal(18, 2) as overdue_amount_usd,
        {{ as_of() }} as balance_as_of,
        last_payments.payment_date as last_payment_date,
        last_payments.payment_amount_usd as last_payment_amount_usd,

        coalesce(business_units.is_electric, false) as is_electric,
        coalesce(business_units.is_gas, false) as is_gas,
        coalesce(business_units.is_renewables, false) as is_renewables,
        business_units.business_units,

        greatest(
            accounts.last_updated_at, balances.last_updated_at, last_payments.last_updated_at
        ) as last_updated_at,
        greatest(
            accounts.through_sequence, balances.through_sequence, last_payments.through_sequence
        ) as through_sequence,
        {{ faults([
            {
                'when': 'duplicates.billing_account_key is not null',
                'code': 'billing_account.duplicate_key',
                'field': 'billing_account_key'
            },
            {
                'when': 'coalesce(main_customers.main_customer_count, 0) <> 1',
                'code': 'billing_account.main_customer_count',
                'field': 'party_key',
                'detail': 'coalesce(main_customers.main_customer_count, 0)'
            },
            {
                'when': 'main_customers.main_customer_count = 1 and parties.party_key is null',
                'code': 'billing_account.orphan',
                'field': 'party_key',
                'detail': 'accounts.party_key'
            }
        ], entity='billing_account', unknown_codes='(accounts.unknown_codes || coalesce(balances.unknown_codes, []))') }} as faults
    from accounts
    left join balances
        on accounts.billing_account_key = balances.billing_account_key
    left join duplicates
        on accounts.billing_account_key = duplicates.billing_account_key
    left join main_customers
        on accounts.billing_account_key = main_customers.billing_account_key
    left join suspensions
        on accounts.billing_account_key = suspensions.billing_account_key
    left join last_payments
        on accounts.billing_account_key = last_payments.billing_account_key
    left join business_units
        on accounts.billing_account_key = business_units.billing_account_key
    left join parties
        on accounts.party_key = parties.party_key
)

select * from final
