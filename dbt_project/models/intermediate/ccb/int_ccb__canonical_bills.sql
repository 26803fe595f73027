{{ config(materialized='table') }}

-- A query of its own: with the checks of int_canonical__bills in one, a large utility's bills do not fit in memory.
-- Bills with their money. A bill has no amount of its own: it charges its frozen BS and BX transactions, those whose
-- parent it is; what is due is the balance of the account when the bill was completed.
with bills as (
    select * from {{ ref('int_ccb__picture_bills') }}
),

agreements as (
    select * from {{ ref('int_ccb__latest_service_agreements') }}
),

transaction_types as (
    select * from {{ ref('ccb_transaction_types') }}
),

segment_statuses as (
    select * from {{ ref('ccb_bill_segment_statuses') }}
),

segments as (
    select
        segments.*,
        segment_statuses.bill_segment_status,
        case
            when segment_statuses.bill_segment_status is null
                then 'bill_segment_status=' || segments.bill_segment_status_code
        end as unknown_status
    from {{ ref('int_ccb__latest_bill_segments') }} as segments
    semi join bills
        on segments.bill_id = bills.bill_id
    left join segment_statuses
        on segments.bill_segment_status_code = segment_statuses.bill_segment_status_code
),

segments_of_bill as (
    select
        bill_id,
        bool_and(coalesce(bill_segment_status = 'cancelled', false)) as is_reversed,
        bool_or(bill_segment_status = 'cancelled') and bool_or(bill_segment_status = 'frozen') as is_corrected,
        coalesce(bool_or(is_estimated) filter (where bill_segment_status = 'frozen'), false) as is_estimated,
        coalesce(
            min(period_start_date) filter (where bill_segment_status = 'frozen'), min(period_start_date)
        ) as period_start_date,
        coalesce(
            max(period_end_date) filter (where bill_segment_status = 'frozen'), max(period_end_date)
        ) as period_end_date,
        max(last_updated_at) as last_updated_at,
        max(_load_sequence) as through_sequence,
        list(distinct unknown_status) filter (where unknown_status is not null) as unknown_codes
    from segments
    group by bill_id
),

charges as (
    select
        transactions.parent_id as bill_id,
        sum(transactions.current_amount) as current_charges,
        bool_or(transaction_types.transaction_type = 'bill_segment_cancelled') as has_cancellation,
        max(transactions.last_updated_at) as last_updated_at,
        max(transactions._load_sequence) as through_sequence
    from {{ ref('int_ccb__latest_financial_transactions') }} as transactions
    inner join transaction_types
        on transactions.transaction_type_code = transaction_types.transaction_type_code
    semi join bills
        on transactions.parent_id = bills.bill_id
    where transactions.is_frozen and transaction_types.is_in_bill_total
    group by transactions.parent_id
),

-- What moved an account's balance, one row a day; everything before the first bill of the picture is one opening row.
movements as (
    select
        agreements.account_id,
        greatest(
            coalesce(transactions.accounting_date, transactions.arrears_date),
            {{ twelve_months_back() }} - 1
        ) as moved_on,
        sum(transactions.current_amount) as amount
    from {{ ref('int_ccb__latest_financial_transactions') }} as transactions
    inner join agreements
        on transactions.service_agreement_id = agreements.service_agreement_id
    where transactions.is_frozen and not transactions.is_redundant
    group by all
),

moments as (
    select
        account_id,
        moved_on as moment,
        0 as place,
        amount,
        null::varchar as bill_id
    from movements
    union all
    select
        account_id,
        coalesce({{ local_date('completed_at') }}, bill_date) as moment,
        1 as place,
        0 as amount,
        bill_id
    from bills
),

running as (
    select
        bill_id,
        sum(amount) over (
            partition by account_id
            order by moment, place
            rows unbounded preceding
        ) as balance
    from moments
),

balances_at_completion as (
    select
        bill_id,
        balance
    from running
    where bill_id is not null
),

final as (
    select
        {{ external_id('CCB', 'BILL', 'bills.bill_id') }} as bill_key,
        'CCB' as source_system,
        bills.bill_id as native_id,
        {{ external_id('CCB', 'ACCT', 'bills.account_id') }} as billing_account_key,

        bills.bill_date,
        bills.due_date,
        segments_of_bill.period_start_date,
        {{ last_day_of('segments_of_bill.period_start_date', 'segments_of_bill.period_end_date') }} as period_end_date,

        -- no transaction: nothing is charged; whether that can be is for the bill's services to say
        coalesce(charges.current_charges, 0)::decimal(18, 2) as current_charges_usd,
        balances_at_completion.balance::decimal(18, 2) as amount_due_usd,
        case
            when bills.bill_status = 'issued' and segments_of_bill.is_reversed then 'reversed'
            else bills.bill_status
        end as bill_status,
        coalesce(segments_of_bill.is_estimated, false) as is_estimated,
        coalesce(segments_of_bill.is_corrected and charges.has_cancellation, false) as is_rebill,
        accounts.currency_code,
        bills.completed_at,

        greatest(
            bills.last_updated_at, segments_of_bill.last_updated_at, charges.last_updated_at
        ) as last_updated_at,
        greatest(bills._load_sequence, segments_of_bill.through_sequence, charges.through_sequence) as through_sequence,
        {{ unknown_codes([
            {'field': 'bill_status', 'code': 'bills.bill_status_code', 'meaning': 'bills.bill_status'}
        ]) }} || list_sort(coalesce(segments_of_bill.unknown_codes, [])) as unknown_codes
    from bills
    left join segments_of_bill
        on bills.bill_id = segments_of_bill.bill_id
    left join charges
        on bills.bill_id = charges.bill_id
    left join balances_at_completion
        on bills.bill_id = balances_at_completion.bill_id
    left join {{ ref('int_ccb__latest_accounts') }} as accounts
        on bills.account_id = accounts.account_id
)

select * from final
