with source as (
    select * from {{ source('lake', 'isu_iflot') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('tplnr') }} as functional_location_id,
        {{ text_value('iloan') }} as location_id,

        {{ text_value('pltxt') }} as functional_location_name,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
