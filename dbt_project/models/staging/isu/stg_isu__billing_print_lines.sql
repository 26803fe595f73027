with source as (
    select * from {{ source('lake', 'isu_dberdlb') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('printdoc') }} as print_document_id,
        {{ text_value('billdoc') }} as billing_document_id,
        {{ text_value('billdocline') }} as billing_line_number,

        nettobtr as net_amount,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
