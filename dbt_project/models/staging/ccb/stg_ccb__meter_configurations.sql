with source as (
    select * from {{ source('lake', 'ccb_mtr_config') }}
),

renamed as (
    select
        {{ text_value('mtr_config_id') }} as meter_configuration_id,
        {{ text_value('mtr_id') }} as meter_id,

        {{ text_value('mtr_config_ty_cd') }} as meter_configuration_type_code,

        eff_dttm as effective_at,

        last_update_dttm as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
