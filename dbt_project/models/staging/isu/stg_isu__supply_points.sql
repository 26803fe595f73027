with source as (
    select * from {{ source('lake', 'isu_euitrans') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('int_ui') }} as supply_point_id,
        {{ text_value('dateto') }} as slice_end_key,
        {{ text_value('ext_ui') }} as market_id,

        {{ dats('dateto') }} as slice_end_date,
        {{ is_open_dats('dateto') }} as is_open_ended,
        {{ dats('datefrom') }} as slice_start_date,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        {{ unread_dats({'slice_end_date': 'dateto', 'slice_start_date': 'datefrom'}) }} as unread_dates,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
