with source as (
    select * from {{ source('lake', 'isu_ehauisu') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('haus') }} as connection_object_id,

        {{ text_value('regpolit') }} as political_region_code,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
