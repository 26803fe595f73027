with source as (
    select * from {{ source('lake', 'isu_erdk') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('opbel') }} as print_document_id,
        {{ text_value('partner') }} as partner_id,
        {{ text_value('vkont') }} as account_id,
        {{ text_value('intopbel') }} as reversing_document_id,

        {{ text_value('total_waer') }} as currency_code,
        {{ sap_flag('stokz') }} as is_reversed,
        {{ sap_flag('simulated') }} as is_simulated,
        {{ sap_flag('invoiced') }} as is_posted,
        {{ sap_flag('tobreleasd') }} as is_held_back,
        {{ text_value('ergrd') }} as reason_code,

        total_amnt as total_amount,

        {{ dats('faedn') }} as due_date,
        {{ dats('bldat') }} as document_date,
        {{ dats('druckdat') }} as print_date,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        {{ unread_dats({'due_date': 'faedn', 'document_date': 'bldat', 'print_date': 'druckdat'}) }} as unread_dates,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
