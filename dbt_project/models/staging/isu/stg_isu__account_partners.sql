with source as (
    select * from {{ source('lake', 'isu_fkkvkp') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('vkont') }} as account_id,
        {{ text_value('gpart') }} as partner_id,

        {{ text_value('vkpbz') }} as account_role_code,
        {{ text_value('ktokl') }} as account_class_code,
        {{ sap_flag('loevm') }} as is_deletion_flagged,
        {{ text_value('ezawe') }} as payment_method_code,
        {{ text_value('sendcontrol_rh') }} as send_control_code,
        {{ text_value('waers') }} as currency_code,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
