with source as (
    select * from {{ source('lake', 'isu_euiinstln') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('anlage') }} as installation_id,
        {{ text_value('int_ui') }} as supply_point_id,
        {{ text_value('dateto') }} as slice_end_key,

        {{ dats('datefrom') }} as slice_start_date,
        {{ dats('dateto') }} as slice_end_date,
        {{ is_open_dats('dateto') }} as is_open_ended,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        {{ unread_dats({'slice_start_date': 'datefrom', 'slice_end_date': 'dateto'}) }} as unread_dates,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
