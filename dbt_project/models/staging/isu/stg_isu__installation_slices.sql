with source as (
    select * from {{ source('lake', 'isu_eanlh') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('anlage') }} as installation_id,
        {{ text_value('bis') }} as slice_end_key,

        {{ text_value('tariftyp') }} as rate_category_code,
        {{ text_value('aklasse') }} as billing_class_code,
        {{ text_value('ableinh') }} as reading_unit_code,

        {{ dats('bis') }} as slice_end_date,
        {{ is_open_dats('bis') }} as is_open_ended,
        {{ dats('ab') }} as slice_start_date,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        {{ unread_dats({'slice_end_date': 'bis', 'slice_start_date': 'ab'}) }} as unread_dates,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
