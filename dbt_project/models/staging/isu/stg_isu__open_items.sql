with source as (
    select * from {{ source('lake', 'isu_dfkkop') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('opbel') }} as document_id,
        {{ text_value('opupw') }} as repetition_number,
        {{ text_value('opupk') }} as item_number,
        {{ text_value('opupz') }} as partial_item_number,
        {{ text_value('gpart') }} as partner_id,
        {{ text_value('vkont') }} as account_id,
        {{ text_value('vtref') }} as contract_reference,
        {{ text_value('augbl') }} as clearing_document_id,

        {{ text_value('hvorg') }} as main_transaction_code,
        {{ text_value('tvorg') }} as subtransaction_code,
        {{ text_value('waers') }} as currency_code,
        {{ text_value('augst') }} as clearing_status_code,
        {{ text_value('augrd') }} as clearing_reason_code,
        {{ text_value('augrs') }} as clearing_restriction_code,

        betrw as item_amount,

        {{ dats('budat') }} as posting_date,
        {{ dats('faedn') }} as due_date,
        {{ dats('augdt') }} as clearing_date,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        {{ unread_dats({'posting_date': 'budat', 'due_date': 'faedn', 'clearing_date': 'augdt'}) }} as unread_dates,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
