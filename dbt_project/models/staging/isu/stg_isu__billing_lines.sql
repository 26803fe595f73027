with source as (
    select * from {{ source('lake', 'isu_dberchz1') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('belnr') }} as billing_document_id,
        {{ text_value('belzeile') }} as billing_line_number,

        {{ text_value('belzart') }} as line_type_code,
        {{ text_value('massbill') }} as unit_code,
        {{ text_value('tariftyp') }} as rate_category_code,
        {{ text_value('tvorg') }} as subtransaction_code,

        {{ split_decimal('v_abrmenge', 'n_abrmenge') }} as billed_quantity,

        {{ dats('ab') }} as line_start_date,
        {{ dats('bis') }} as line_end_date,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        {{ unread_dats({'line_start_date': 'ab', 'line_end_date': 'bis'}) }} as unread_dates,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
