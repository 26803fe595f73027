with source as (
    select * from {{ source('lake', 'isu_dfkkko') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('opbel') }} as document_id,
        {{ text_value('stblk') }} as reversing_document_id,

        {{ text_value('blart') }} as document_type_code,

        {{ dats('budat') }} as posting_date,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        {{ unread_dats({'posting_date': 'budat'}) }} as unread_dates,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
