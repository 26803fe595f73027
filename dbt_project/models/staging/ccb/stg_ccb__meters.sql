with source as (
    select * from {{ source('lake', 'ccb_mtr') }}
),

renamed as (
    select
        {{ text_value('mtr_id') }} as meter_id,

        {{ text_value('badge_nbr') }} as badge_number,
        {{ text_value('serial_nbr') }} as serial_number,
        {{ text_value('mtr_type_cd') }} as meter_type_code,
        {{ text_value('mfg_cd') }} as manufacturer_code,
        {{ text_value('model_cd') }} as model_code,

        receive_dt as receive_date,
        retire_dt as retire_date,

        last_update_dttm as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
