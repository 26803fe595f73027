with source as (
    select * from {{ source('lake', 'isu_equi') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('equnr') }} as equipment_id,
        {{ text_value('sernr') }} as serial_number,

        {{ text_value('matnr') }} as material_code,
        {{ text_value('herst') }} as manufacturer_code,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
