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
    inner join payment_types
        on documents.document_type_code = payment_types.document_type_code
    where
        payment_types.is_payment
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

services as (
    select distinct
        account_id,
        print_document_id,
        contract_id
    from charges
    where contract_id is not null
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
    {{ source_amounts('bill_service', 'charges_usd', 'charges', 'account_id', 'amount', 'contract_id is not null') }}
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
