with source as (
    select * from {{ source('lake', 'isu_evbs') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('vstelle') }} as premise_id,
        {{ text_value('haus') }} as connection_object_id,

        {{ text_value('vbsart') }} as premise_type_code,
        {{ text_value('lgzusatz') }} as location_supplement,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
