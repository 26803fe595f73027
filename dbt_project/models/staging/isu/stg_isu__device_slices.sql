with source as (
    select * from {{ source('lake', 'isu_egerh') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('equnr') }} as equipment_id,
        {{ text_value('bis') }} as slice_end_key,
        {{ text_value('logiknr') }} as logical_device_id,

        {{ dats('bis') }} as slice_end_date,
        {{ is_open_dats('bis') }} as is_open_ended,
        {{ dats('ab') }} as slice_start_date,
        {{ dats('einbdat') }} as install_date,
        {{ dats('ausbdat') }} as removal_date,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        {{ unread_dats({
            'slice_end_date': 'bis',
            'slice_start_date': 'ab',
            'install_date': 'einbdat',
            'removal_date': 'ausbdat'
        }) }} as unread_dates,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
