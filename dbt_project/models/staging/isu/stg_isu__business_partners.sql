with source as (
    select * from {{ source('lake', 'isu_but000') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('partner') }} as partner_id,

        {{ text_value('type') }} as partner_type_code,
        {{ text_value('name_first') }} as first_name,
        {{ text_value('name_last') }} as last_name,
        {{ text_value('name_org1') }} as organisation_name_1,
        {{ text_value('name_org2') }} as organisation_name_2,
        {{ text_value('name_org3') }} as organisation_name_3,
        {{ text_value('name_org4') }} as organisation_name_4,
        {{ text_value('bu_langu') }} as language_code,
        {{ sap_flag('xdele') }} as is_archive_flagged,
        {{ sap_flag('xblck') }} as is_blocked,
        {{ text_value('zzlifesupp') }} as life_support_code,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
