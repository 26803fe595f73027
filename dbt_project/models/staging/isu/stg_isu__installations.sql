with source as (
    select * from {{ source('lake', 'isu_eanl') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('anlage') }} as installation_id,
        {{ text_value('vstelle') }} as premise_id,

        {{ text_value('sparte') }} as division_code,
        {{ text_value('anlart') }} as installation_type_code,
        {{ text_value('spebene') }} as voltage_level_code,
        {{ sap_flag('loevm') }} as is_deletion_flagged,
        {{ sap_flag('zzdisconn') }} as is_disconnected,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
