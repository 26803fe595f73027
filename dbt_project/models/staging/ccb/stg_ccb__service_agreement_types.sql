with source as (
    select * from {{ source('lake', 'ccb_sa_type') }}
),

renamed as (
    select
        {{ text_value('cis_division') }} as division_code,
        {{ text_value('sa_type_cd') }} as agreement_type_code,

        {{ text_value('svc_type_cd') }} as service_type_code,
        {{ text_value('special_role_flg') }} as special_role_code,
        {{ text_value('debt_cl_cd') }} as debt_class_code,

        last_update_dttm as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
