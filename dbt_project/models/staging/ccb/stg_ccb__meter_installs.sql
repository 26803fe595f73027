with source as (
    select * from {{ source('lake', 'ccb_sp_mtr_hist') }}
),

renamed as (
    select
        {{ text_value('sp_mtr_hist_id') }} as meter_install_id,
        {{ text_value('sp_id') }} as service_point_id,
        {{ text_value('mtr_config_id') }} as meter_configuration_id,

        removal_dttm as removed_at,

        last_update_dttm as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
