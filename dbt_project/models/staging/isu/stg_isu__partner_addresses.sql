with source as (
    select * from {{ source('lake', 'isu_but020') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('partner') }} as partner_id,
        {{ text_value('addrnumber') }} as address_id,

        {{ sap_flag('xdfadr') }} as is_standard_address,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
