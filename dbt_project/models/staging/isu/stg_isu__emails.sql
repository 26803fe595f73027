with source as (
    select * from {{ source('lake', 'isu_adr6') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('addrnumber') }} as address_id,
        {{ text_value('consnumber') }} as sequence_number,

        {{ text_value('smtp_addr') }} as email,
        {{ sap_flag('flgdefault') }} as is_default,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
