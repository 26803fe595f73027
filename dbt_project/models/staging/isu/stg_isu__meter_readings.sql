with source as (
    select * from {{ source('lake', 'isu_eabl') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('ablbelnr') }} as reading_id,
        {{ text_value('equnr') }} as equipment_id,

        {{ text_value('zwnummer') }} as register_number,
        {{ text_value('istablart') }} as reading_type_code,
        {{ text_value('ablstat') }} as reading_status_code,
        {{ text_value('schaever') }} as estimation_code,

        {{ split_decimal('v_zwstand', 'n_zwstand') }} as reading_value,

        {{ dats('adat') }} as reading_date,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        {{ unread_dats({'reading_date': 'adat'}) }} as unread_dates,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
