{{ config(materialized='table') }}

-- A query of its own: with the checks of int_canonical__bills in one, a large utility's bills do not fit in memory.
-- Bills: print documents, with what their contracts add up to. What is due is what the document asks for in total.
with bills as (
    select * from {{ ref('int_isu__picture_bills') }}
),

contracts_of_bill as (
    select
        client,
        print_document_id,
        min(period_start_date) as period_start_date,
        max(period_end_date) as period_end_date,
        sum(amount) as amount,
        bool_or(is_estimated) as is_estimated,
        bool_or(is_corrected) as is_corrected,
        max(last_updated_at) as last_updated_at,
        max(through_sequence) as through_sequence
    from {{ ref('int_isu__bill_contracts') }}
    group by client, print_document_id
),

final as (
    select
        {{ external_id('ISU', 'BILL', 'bills.print_document_id', client='bills.client') }} as bill_key,
        'ISU' as source_system,
        bills.print_document_id as native_id,
        {{ external_id('ISU', 'VK', 'bills.account_id', client='bills.client') }} as billing_account_key,

        bills.bill_date,
        bills.due_date,
        contracts_of_bill.period_start_date,
        contracts_of_bill.period_end_date,

        coalesce(contracts_of_bill.amount, 0)::decimal(18, 2) as current_charges_usd,
        bills.total_amount::decimal(18, 2) as amount_due_usd,
        case when bills.is_reversed then 'reversed' else 'issued' end as bill_status,
        coalesce(contracts_of_bill.is_estimated, false) as is_estimated,
        coalesce(contracts_of_bill.is_corrected, false) as is_rebill,
        bills.currency_code,
        null::timestamp as completed_at,

        greatest(bills.last_updated_at, contracts_of_bill.last_updated_at) as last_updated_at,
        greatest(bills._load_sequence, contracts_of_bill.through_sequence) as through_sequence,
        bills.unread_dates as unknown_codes
    from bills
    left join contracts_of_bill
        on
            bills.client = contracts_of_bill.client
            and bills.print_document_id = contracts_of_bill.print_document_id
)

select * from final
