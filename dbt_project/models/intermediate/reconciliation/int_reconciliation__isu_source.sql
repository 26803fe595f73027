-- What SAP's own tables say, counted and added up from every version of every row, without the models in between.
with partners as (
    {{ newest_versions(ref('stg_isu__business_partners'), ['client', 'partner_id'], live=true) }}
),

accounts as (
    {{ newest_versions(ref('stg_isu__contract_accounts'), ['client', 'account_id'], live=true) }}
),

account_partners as (
    {{ newest_versions(ref('stg_isu__account_partners'), ['client', 'account_id', 'partner_id'], live=true) }}
),

connection_objects as (
    {{ newest_versions(ref('stg_isu__connection_objects'), ['client', 'connection_object_id'], live=true) }}
),

premises as (
    {{ newest_versions(ref('stg_isu__premises'), ['client', 'premise_id'], live=true) }}
),

installations as (
    {{ newest_versions(ref('stg_isu__installations'), ['client', 'installation_id'], live=true) }}
),

equipments as (
    {{ newest_versions(ref('stg_isu__equipments'), ['client', 'equipment_id'], live=true) }}
),

contracts as (
    {{ newest_versions(ref('stg_isu__contracts'), ['client', 'contract_id'], live=true) }}
),

items as (
    {{ newest_versions(
        ref('stg_isu__open_items'),
        ['client', 'document_id', 'repetition_number', 'item_number', 'partial_item_number'],
        live=true
    ) }}
),

documents as (
    {{ newest_versions(ref('stg_isu__payment_documents'), ['client', 'document_id'], live=true) }}
),

payment_types as (
    select * from {{ ref('isu_document_types') }}
),

payments as (
    select
        items.client,
        items.account_id,
        items.document_id,
        -sum(items.item_amount) as payment_amount
    from items
    inner join documents
        on items.client = documents.client and items.document_id = documents.document_id
    left join payment_types
        on documents.document_type_code = payment_types.document_type_code
    where
        -- a type that no list knows might be a payment
        coalesce(payment_types.is_payment, true)
        and coalesce(documents.posting_date >= {{ twelve_months_back() }}, true)
    group by all
),

print_documents as (
    {{ newest_versions(ref('stg_isu__print_documents'), ['client', 'print_document_id'], live=true) }}
),

bills as (
    select * from print_documents
    where
        is_posted
        and not is_simulated
        and not is_held_back
        and coalesce(document_date >= {{ twelve_months_back() }}, true)
),

lines as (
    {{ newest_versions(
        ref('stg_isu__print_document_lines'), ['client', 'print_document_id', 'print_line_number'], live=true
    ) }}
),

charges as (
    select
        bills.account_id,
        bills.print_document_id,
        lines.contract_id,
        case lines.debit_credit_code when 'S' then lines.line_amount when 'H' then -lines.line_amount end as amount
    from lines
    inner join bills
        on lines.client = bills.client and lines.print_document_id = bills.print_document_id
),

billing_documents as (
    {{ newest_versions(ref('stg_isu__billing_documents'), ['client', 'billing_document_id'], live=true) }}
),

print_links as (
    select distinct
        client,
        print_document_id,
        billing_document_id
    from {{ ref('stg_isu__billing_print_lines') }}
    where not is_deleted
),

-- of documents nobody knows
stray_lines as (
    select
        contracts.account_id,
        lines.print_document_id,
        lines.contract_id,
        case lines.debit_credit_code when 'S' then lines.line_amount when 'H' then -lines.line_amount end as amount
    from lines
    left join contracts
        on lines.client = contracts.client and lines.contract_id = contracts.contract_id
    where
        lines.contract_id is not null
        and not exists (
            select 1
            from {{ ref('stg_isu__print_documents') }} as known
            where known.client = lines.client and known.print_document_id = lines.print_document_id
        )
),

service_charges as (
    select * from charges
    where contract_id is not null
    union all
    select * from stray_lines
),

-- what a bill says of a contract: what it charges, and what was billed though it charges nothing
services as (
    select
        account_id,
        print_document_id,
        contract_id
    from service_charges
    union
    select
        bills.account_id,
        bills.print_document_id,
        billing_documents.contract_id
    from print_links
    inner join bills
        on
            print_links.client = bills.client
            and print_links.print_document_id = bills.print_document_id
    inner join billing_documents
        on
            print_links.client = billing_documents.client
            and print_links.billing_document_id = billing_documents.billing_document_id
    where not billing_documents.is_simulated and billing_documents.contract_id is not null
),

totals as (
    {{ source_rows('party', 'partners', 'partner_id') }}
    union all
    {{ source_rows('contact', 'partners', 'partner_id', "partner_type_code = '1'") }}
    union all
    {{ source_rows('billing_account', 'accounts', 'account_id', 'not is_deletion_flagged') }}
    union all
    {{ source_amounts(
        'billing_account', 'balance_usd', 'items', 'account_id', 'item_amount',
        "clearing_status_code is null and clearing_restriction_code is distinct from '2'"
    ) }}
    union all
    {{ source_rows('account_role', 'account_partners', 'account_id', 'not is_deletion_flagged') }}
    union all
    {{ source_rows('premise', 'connection_objects', 'connection_object_id') }}
    union all
    {{ source_rows('premise', 'premises', 'premise_id') }}
    union all
    {{ source_rows('service_point', 'installations', 'installation_id') }}
    union all
    {{ source_rows('device', 'equipments', 'equipment_id') }}
    union all
    {{ source_rows('service_agreement', 'contracts', 'account_id', 'not is_deletion_flagged') }}
    union all
    -- a move-in that was taken back (a date of zeros) never served its installation
    {{ source_rows(
        'agreement_item', 'contracts', "contract_id || '|' || installation_id",
        'not is_deletion_flagged and installation_id is not null '
        ~ 'and move_in_date is not null and (move_out_date is not null or is_open_ended)'
    ) }}
    union all
    {{ source_rows('bill', 'bills', 'account_id') }}
    union all
    {{ source_amounts('bill', 'charges_usd', 'charges', 'account_id', 'amount') }}
    union all
    {{ source_rows('bill_service', 'services', 'account_id') }}
    union all
    {{ source_amounts('bill_service', 'charges_usd', 'service_charges', 'account_id', 'amount') }}
    union all
    {{ source_rows('payment', 'payments', 'account_id') }}
    union all
    {{ source_amounts('payment', 'paid_usd', 'payments', 'account_id', 'payment_amount') }}
),

final as (
    select
        'ISU' as source_system,
        entity,
        measure,
        coalesce(native_id, '?') as native_id,
        amount
    from totals
)

select * from final
