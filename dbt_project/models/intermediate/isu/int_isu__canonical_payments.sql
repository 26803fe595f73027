-- Documents whose type is a payment, of the last twelve months; a payment that was taken back names its reversal. The
-- amount is the sum of the document's items, which stand on the credit side. A type no list knows might be a payment.
with documents as (
    select
        documents.*,
        document_types.document_type,
        document_types.is_payment
    from {{ ref('int_isu__latest_payment_documents') }} as documents
    left join {{ ref('isu_document_types') }} as document_types
        on documents.document_type_code = document_types.document_type_code
    where
        not documents.is_deleted
        and coalesce(document_types.is_payment, true)
        and coalesce(documents.posting_date >= {{ twelve_months_back() }}, true)
),

items as (
    select
        items.client,
        items.document_id,
        case when min(items.account_id) = max(items.account_id) then min(items.account_id) end as account_id,
        -sum(items.item_amount) as amount,
        max(items.last_updated_at) as last_updated_at,
        max(items._load_sequence) as through_sequence
    from {{ ref('int_isu__latest_open_items') }} as items
    semi join documents
        on items.client = documents.client and items.document_id = documents.document_id
    where not items.is_deleted
    group by items.client, items.document_id
),

final as (
    select
        {{ external_id('ISU', 'PAY', 'documents.document_id', client='documents.client') }} as payment_key,
        'ISU' as source_system,
        documents.document_id as native_id,
        {{ external_id('ISU', 'VK', 'items.account_id', client='documents.client') }} as billing_account_key,

        documents.posting_date as payment_date,
        items.amount::decimal(18, 2) as payment_amount_usd,
        case
            when documents.is_payment and documents.reversing_document_id is not null then 'cancelled'
            when documents.is_payment then 'posted'
        end as payment_status,

        greatest(documents.last_updated_at, items.last_updated_at) as last_updated_at,
        greatest(documents._load_sequence, items.through_sequence) as through_sequence,
        {{ unknown_codes([
            {'field': 'payment_status', 'code': 'documents.document_type_code', 'meaning': 'documents.document_type'}
        ]) }} || documents.unread_dates as unknown_codes
    from documents
    left join items
        on documents.client = items.client and documents.document_id = items.document_id
)

select * from final
