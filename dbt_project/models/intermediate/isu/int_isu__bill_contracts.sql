-- One row a bill and contract on it. The amount is what the print document's lines of the contract say, debits less
-- credits; period, energy and estimate are those of the billing documents that stand, or of all where none does.
with bills as (
    select * from {{ ref('int_isu__picture_bills') }}
),

known_bills as (
    select
        client,
        print_document_id
    from {{ ref('int_isu__latest_print_documents') }}
),

documents as (
    select documents.*
    from {{ ref('int_isu__billed_documents') }} as documents
    semi join bills
        on documents.client = bills.client and documents.print_document_id = bills.print_document_id
    where documents.contract_id is not null
),

debit_credit_codes as (
    select * from {{ ref('isu_debit_credit_codes') }}
),

lines as (
    select
        lines.*,
        case
            -- an amount without debit or credit carries its own sign
            when lines.debit_credit_code is null then lines.line_amount
            else abs(lines.line_amount) * debit_credit_codes.sign
        end as amount,
        lines.debit_credit_code is not null and debit_credit_codes.sign is null as is_unknown
    from {{ ref('int_isu__latest_print_document_lines') }} as lines
    left join bills
        on lines.client = bills.client and lines.print_document_id = bills.print_document_id
    left join known_bills
        on lines.client = known_bills.client and lines.print_document_id = known_bills.print_document_id
    left join debit_credit_codes
        on lines.debit_credit_code = debit_credit_codes.debit_credit_code
    where
        -- what belongs to no contract (fees of the account, earlier balances) is due, and none of the charges
        not lines.is_deleted and lines.contract_id is not null
        -- of a document nobody knows: an orphan, and said to be
        and (bills.print_document_id is not null or known_bills.print_document_id is null)
),

charges as (
    select
        client,
        print_document_id,
        contract_id,
        sum(amount) as amount,
        coalesce(
            list_sort(list(distinct 'amount_usd=' || debit_credit_code) filter (where is_unknown)), []
        ) as unknown_codes,
        max(last_updated_at) as last_updated_at,
        max(_load_sequence) as through_sequence
    from lines
    group by client, print_document_id, contract_id
),

consumption as (
    select
        client,
        print_document_id,
        contract_id,
        bool_or(is_reversed) and bool_or(not is_reversed) as is_corrected,
        coalesce(min(period_start_date) filter (where not is_reversed), min(period_start_date)) as period_start_date,
        coalesce(max(period_end_date) filter (where not is_reversed), max(period_end_date)) as period_end_date,
        sum(usage_quantity) filter (where not is_reversed) as usage_quantity,
        min(usage_unit) filter (where not is_reversed) as usage_unit,
        coalesce(bool_or(is_estimated) filter (where not is_reversed), false) as is_estimated,
        list_sort(list_distinct(flatten(list(unknown_codes)))) as unknown_codes,
        max(last_updated_at) as last_updated_at,
        max(through_sequence) as through_sequence
    from documents
    group by client, print_document_id, contract_id
),

contracts_of_bill as (
    select
        client,
        print_document_id,
        contract_id
    from charges
    union
    select
        client,
        print_document_id,
        contract_id
    from consumption
),

final as (
    select
        contracts_of_bill.client,
        contracts_of_bill.print_document_id,
        contracts_of_bill.contract_id,
        bills.account_id,

        -- a bill that was reversed charges nothing
        case when bills.is_reversed then 0 else charges.amount end as amount,
        coalesce(consumption.is_corrected, false) as is_corrected,
        consumption.period_start_date,
        consumption.period_end_date,
        consumption.usage_quantity,
        consumption.usage_unit,
        coalesce(consumption.is_estimated, false) as is_estimated,

        coalesce(charges.unknown_codes, []) || coalesce(consumption.unknown_codes, []) as unknown_codes,
        greatest(charges.last_updated_at, consumption.last_updated_at) as last_updated_at,
        greatest(charges.through_sequence, consumption.through_sequence) as through_sequence
    from contracts_of_bill
    left join bills
        on
            contracts_of_bill.client = bills.client
            and contracts_of_bill.print_document_id = bills.print_document_id
    left join charges
        on
            contracts_of_bill.client = charges.client
            and contracts_of_bill.print_document_id = charges.print_document_id
            and contracts_of_bill.contract_id = charges.contract_id
    left join consumption
        on
            contracts_of_bill.client = consumption.client
            and contracts_of_bill.print_document_id = consumption.print_document_id
            and contracts_of_bill.contract_id = consumption.contract_id
)

select * from final
