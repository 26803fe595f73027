with source as (
    select * from {{ source('lake', 'isu_dberchz2') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('belnr') }} as billing_document_id,
        {{ text_value('belzeile') }} as billing_line_number,
        {{ text_value('ablbelnr') }} as reading_id,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
