{{ config(materialized='table') }}

-- A query of its own, or a large utility's history does not fit in memory.
-- What each contract was billed for in a period, as far back as the bills go. A print document says what a contract
-- costs, not what a period of it costs: where a bill has several periods of a contract, they have no charge.
with bills as (
    select * from {{ ref('int_isu__issued_bills') }}
),

documents as (
    select
        documents.*,
        (documents.period_end_date + {{ var('isu_end_date_is_billed') }})::date as boundary_date,
        not documents.is_reversed and not bills.is_reversed as stands,
        bills.account_id,
        bills.is_reversed as is_bill_reversed,
        greatest(documents.through_sequence, bills._load_sequence) as known_through,
        greatest(documents.last_updated_at, bills.last_updated_at) as changed_at
    from {{ ref('int_isu__billed_documents') }} as documents
    inner join bills
        on documents.client = bills.client and documents.print_document_id = bills.print_document_id
    where
        documents.contract_id is not null
        and documents.period_start_date is not null and documents.period_end_date is not null
),

debit_credit_codes as (
    select * from {{ ref('isu_debit_credit_codes') }}
),

charges as (
    select
        lines.client,
        lines.print_document_id,
        lines.contract_id,
        sum(
            case
                -- an amount without debit or credit carries its own sign
                when lines.debit_credit_code is null then lines.line_amount
                else abs(lines.line_amount) * debit_credit_codes.sign
            end
        ) as amount,
        bool_or(lines.debit_credit_code is not null and debit_credit_codes.sign is null) as has_unknown_side,
        max(lines.last_updated_at) as last_updated_at,
        max(lines._load_sequence) as through_sequence
    from {{ ref('int_isu__latest_print_document_lines') }} as lines
    left join debit_credit_codes
        on lines.debit_credit_code = debit_credit_codes.debit_credit_code
    where not lines.is_deleted and lines.contract_id is not null
    group by lines.client, lines.print_document_id, lines.contract_id
),

contracts_of_bill as (
    select
        client,
        print_document_id,
        contract_id,
        count(distinct row(period_start_date, boundary_date)) as period_count
    from documents
    group by client, print_document_id, contract_id
),

-- one row a bill, contract and period
billed as (
    select
        documents.client,
        documents.print_document_id,
        documents.contract_id,
        documents.period_start_date,
        documents.boundary_date,
        min(documents.account_id) as account_id,
        bool_or(documents.stands) as stands,
        coalesce(bool_or(documents.is_estimated) filter (where documents.stands), false) as is_estimated,
        sum(documents.usage_quantity) filter (where documents.stands) as usage_quantity,
        min(documents.usage_unit) filter (where documents.stands) as usage_unit,
        -- a bill that was reversed charges nothing
        case
            when bool_and(documents.is_bill_reversed) then 0
            when bool_or(charges.has_unknown_side) then null
            when any_value(contracts_of_bill.period_count) = 1 then any_value(charges.amount)
        end as charge_amount,
        max(greatest(documents.changed_at, charges.last_updated_at)) as last_updated_at,
        max(greatest(documents.known_through, charges.through_sequence)) as through_sequence
    from documents
    inner join contracts_of_bill
        on
            documents.client = contracts_of_bill.client
            and documents.print_document_id = contracts_of_bill.print_document_id
            and documents.contract_id = contracts_of_bill.contract_id
    left join charges
        on
            documents.client = charges.client
            and documents.print_document_id = charges.print_document_id
            and documents.contract_id = charges.contract_id
    group by all
),

contracts as (
    select * from {{ ref('int_isu__latest_contracts') }}
),

divisions as (
    select * from {{ ref('isu_divisions') }}
),

-- A contract's own news (its move-out) changes nothing of what was billed before: what counts is when its installation
-- was first known.
first_known as (
    select
        client,
        contract_id,
        installation_id,
        min(_load_sequence) as known_since_sequence
    from {{ ref('stg_isu__contracts') }}
    group by client, contract_id, installation_id
),

periods as (
    select
        client,
        contract_id,
        period_start_date,
        boundary_date,
        min(account_id) as account_id,
        not bool_or(stands) as is_cancelled,
        bool_or(is_estimated) as is_estimated,
        sum(usage_quantity) as usage_quantity,
        min(usage_unit) as usage_unit,
        sum(charge_amount) as charge_amount,
        max(last_updated_at) as last_updated_at,
        max(through_sequence) as through_sequence
    from billed
    group by client, contract_id, period_start_date, boundary_date
),

final as (
    select
        {{ external_id('ISU', 'BU', 'periods.contract_id', "strftime(periods.period_start_date, '%Y%m%d')",
            "strftime(periods.boundary_date, '%Y%m%d')", client='periods.client') }} as billed_usage_key,
        'ISU' as source_system,
        {{ external_id('ISU', 'CTR', 'periods.contract_id', client='periods.client') }} as service_agreement_key,
        periods.contract_id as service_agreement_id,
        contracts.installation_id as service_point_id,
        periods.account_id as billing_account_id,

        divisions.commodity,
        periods.period_start_date,
        periods.boundary_date,
        (periods.boundary_date - periods.period_start_date)::integer as days,
        periods.usage_quantity::decimal(28, 6) as usage_quantity,
        periods.usage_unit,
        periods.charge_amount::decimal(18, 2) as charge_amount_usd,
        periods.is_estimated,
        periods.is_cancelled,

        periods.last_updated_at,
        greatest(periods.through_sequence, first_known.known_since_sequence) as through_sequence
    from periods
    left join contracts
        on periods.client = contracts.client and periods.contract_id = contracts.contract_id
    left join divisions
        on contracts.division_code = divisions.division_code
    left join first_known
        on
            periods.client = first_known.client
            and periods.contract_id = first_known.contract_id
            and contracts.installation_id = first_known.installation_id
)

select * from final
