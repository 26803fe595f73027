with source as (
    select * from {{ source('lake', 'isu_erch') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('belnr') }} as billing_document_id,
        {{ text_value('vertrag') }} as contract_id,
        {{ text_value('vkont') }} as account_id,

        {{ text_value('abrvorg') }} as billing_transaction_code,
        {{ sap_flag('simulation') }} as is_simulated,

        {{ dats('begabrpe') }} as period_start_date,
        {{ dats('endabrpe') }} as period_end_date,
        {{ dats('stornodat') }} as reversal_date,
        {{ dats('belegdat') }} as document_date,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        {{ unread_dats({
            'period_start_date': 'begabrpe',
            'period_end_date': 'endabrpe',
            'reversal_date': 'stornodat',
            'document_date': 'belegdat'
        }) }} as unread_dates,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
