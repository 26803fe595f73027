with source as (
    select * from {{ source('lake', 'isu_eastl') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('anlage') }} as installation_id,
        {{ text_value('logiknr') }} as logical_device_id,
        {{ text_value('bis') }} as slice_end_key,

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
