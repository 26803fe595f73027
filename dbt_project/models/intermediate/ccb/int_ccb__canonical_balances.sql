-- What every account owes. The balance is current amounts that are frozen and not redundant; to pay off everything is
-- the same of total amounts. Overdue is what of the charges due before today the credits do not cover: credits retire
-- the oldest charge first, so they meet these before any other, and the sums are all it takes.
with accounts as (
    select * from {{ ref('int_ccb__latest_accounts') }}
),

agreements as (
    select * from {{ ref('int_ccb__latest_service_agreements') }}
),

bills as (
    select * from {{ ref('int_ccb__latest_bills') }}
),

transaction_types as (
    select * from {{ ref('ccb_transaction_types') }}
),

transactions as (
    select
        agreements.account_id,
        transactions.current_amount,
        transactions.total_amount,
        not transactions.is_redundant as is_in_balance,
        not transactions.is_not_in_arrears as is_in_arrears,
        -- a charge is due when its bill is; one on no bill ages by its own date
        coalesce(bills.due_date, transactions.arrears_date) as due_date,
        -- a cancellation takes back the charge or the credit it cancels, so it counts where that counted
        case
            when transaction_types.transaction_type like 'pay_segment%' then true
            when transaction_types.transaction_type like '%_cancelled' then transactions.current_amount > 0
            else transactions.current_amount < 0
        end as is_credit,
        transactions.last_updated_at,
        transactions._load_sequence
    from {{ ref('int_ccb__latest_financial_transactions') }} as transactions
    inner join agreements
        on transactions.service_agreement_id = agreements.service_agreement_id
    left join transaction_types
        on transactions.transaction_type_code = transaction_types.transaction_type_code
    left join bills
        on
            bills.bill_id = case
                when transaction_types.is_in_bill_total then transactions.parent_id
                else transactions.printed_bill_id
            end
    where transactions.is_frozen
),

sums as (
    select
        account_id,
        sum(current_amount) filter (where is_in_balance) as balance,
        sum(total_amount) filter (where is_in_balance) as payoff_balance,
        sum(current_amount) filter (where is_in_arrears and not is_credit and due_date < {{ as_of() }}) as due,
        sum(current_amount) filter (where is_in_arrears and is_credit) as credit,
        max(last_updated_at) as last_updated_at,
        max(_load_sequence) as through_sequence
    from transactions
    group by account_id
),

final as (
    select
        {{ external_id('CCB', 'ACCT', 'accounts.account_id') }} as billing_account_key,
        'CCB' as source_system,
        accounts.account_id as native_id,

        coalesce(sums.balance, 0)::decimal(18, 2) as balance_amount_usd,
        coalesce(sums.payoff_balance, 0)::decimal(18, 2) as payoff_balance_usd,
        greatest(coalesce(sums.due, 0) + coalesce(sums.credit, 0), 0)::decimal(18, 2) as overdue_amount_usd,
        {{ as_of() }} as balance_as_of,

        coalesce(sums.last_updated_at, accounts.last_updated_at) as last_updated_at,
        coalesce(sums.through_sequence, accounts._load_sequence) as through_sequence,
        []::varchar[] as unknown_codes
    from accounts
    left join sums
        on accounts.account_id = sums.account_id
)

select * from final
