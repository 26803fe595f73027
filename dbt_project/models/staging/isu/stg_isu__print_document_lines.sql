with source as (
    select * from {{ source('lake', 'isu_erdz') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('opbel') }} as print_document_id,
        {{ text_value('belzeile') }} as print_line_number,
        {{ text_value('vertrag') }} as contract_id,

        {{ text_value('hvorg') }} as main_transaction_code,
        {{ text_value('shkzg') }} as debit_credit_code,
        {{ sap_flag('xtotal_amnt') }} as is_in_total,

        betrw as line_amount,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
