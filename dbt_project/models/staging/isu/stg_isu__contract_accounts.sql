with source as (
    select * from {{ source('lake', 'isu_fkkvk') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('vkont') }} as account_id,

        {{ text_value('vktyp') }} as account_category_code,
        {{ text_value('vkbez') }} as account_label,
        {{ sap_flag('loevm') }} as is_deletion_flagged,

        {{ dats('erdat') }} as created_date,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        {{ unread_dats({'created_date': 'erdat'}) }} as unread_dates,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
