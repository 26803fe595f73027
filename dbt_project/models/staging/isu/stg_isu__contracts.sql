with source as (
    select * from {{ source('lake', 'isu_ever') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('vertrag') }} as contract_id,
        {{ text_value('anlage') }} as installation_id,
        {{ text_value('vkonto') }} as account_id,
        {{ text_value('vrefer') }} as legacy_number,

        {{ text_value('sparte') }} as division_code,
        {{ text_value('bukrs') }} as company_code,
        {{ text_value('bstatus') }} as processing_status_code,
        {{ sap_flag('loevm') }} as is_deletion_flagged,

        {{ dats('vbeginn') }} as contract_begin_date,
        {{ dats('vende') }} as contract_end_date,
        {{ dats('einzdat') }} as move_in_date,
        {{ dats('auszdat') }} as move_out_date,
        {{ is_open_dats('auszdat') }} as is_open_ended,
        {{ dats('erdat') }} as created_date,
        {{ dats('aedat') }} as changed_date,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        {{ unread_dats({
            'contract_begin_date': 'vbeginn',
            'contract_end_date': 'vende',
            'move_in_date': 'einzdat',
            'move_out_date': 'auszdat',
            'created_date': 'erdat',
            'changed_date': 'aedat'
        }) }} as unread_dates,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
