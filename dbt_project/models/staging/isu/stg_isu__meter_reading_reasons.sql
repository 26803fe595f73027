with source as (
    select * from {{ source('lake', 'isu_eablg') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('ablbelnr') }} as reading_id,
        {{ text_value('anlage') }} as installation_id,
        {{ text_value('ablesgr') }} as reason_code,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
