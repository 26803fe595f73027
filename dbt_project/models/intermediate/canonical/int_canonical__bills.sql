-- Bills of every system. A bill charges what its services charge, all of them: those of agreements that are left out of
-- the picture count here, or a bill with a deposit on it would not add up.
with bills as (
    {{ canonical_rows('bills') | indent(4) }}
),

services as (
    select
        bill_key,
        sum(amount_usd) as amount_usd,
        bool_or(amount_usd is null) as has_service_without_amount
    from (
        {{ canonical_rows('bill_services') | indent(8) }}
    )
    group by bill_key
),

accounts as (
    select billing_account_key
    from {{ ref('int_canonical__billing_accounts') }}
    where {{ is_good() }}
),

duplicates as (
    select bill_key
    from bills
    group by bill_key
    having count(*) > 1
),

final as (
    select
        bills.bill_key,
        bills.source_system,
        bills.native_id,
        bills.billing_account_key,

        bills.bill_date,
        bills.due_date,
        bills.period_start_date,
        bills.period_end_date,

        bills.current_charges_usd,
        bills.amount_due_usd,
        bills.bill_status,
        bills.is_estimated,
        bills.is_rebill,
        bills.currency_code,
        bills.completed_at,

        bills.last_updated_at,
        bills.through_sequence,
        {{ faults([
            {'when': 'duplicates.bill_key is not null', 'code': 'bill.duplicate_key', 'field': 'bill_key'},
            {
                'when': 'accounts.billing_account_key is null',
                'code': 'bill.orphan',
                'field': 'billing_account_key',
                'detail': 'bills.billing_account_key'
            },
            {'when': 'bills.bill_date is null', 'code': 'bill.required_missing', 'field': 'bill_date'},
            {
                'when': 'bills.current_charges_usd <> coalesce(services.amount_usd, 0)',
                'code': 'bill.amount_mismatch',
                'field': 'current_charges_usd'
            },
            {
                'when': 'services.has_service_without_amount',
                'code': 'bill.amount_mismatch',
                'field': 'amount_usd'
            },
            {
                'when': 'bills.period_end_date < bills.period_start_date',
                'code': 'bill.dates_backwards',
                'field': 'period_end_date'
            },
            {
                'when': 'bills.due_date < bills.bill_date',
                'code': 'bill.dates_backwards',
                'field': 'due_date'
            }
        ], entity='bill', unknown_codes='bills.unknown_codes') }} as faults
    from bills
    left join services
        on bills.bill_key = services.bill_key
    left join accounts
        on bills.billing_account_key = accounts.billing_account_key
    left join duplicates
        on bills.bill_key = duplicates.bill_key
)

select * from final
