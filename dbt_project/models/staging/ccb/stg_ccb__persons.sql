with source as (
    select * from {{ source('lake', 'ccb_per') }}
),

renamed as (
    select
        {{ text_value('per_id') }} as person_id,

        {{ text_value('per_or_bus_flg') }} as person_type_code,
        {{ text_value('language_cd') }} as language_code,
        {{ text_value('ls_sl_flg') }} as life_support_code,

        last_update_dttm as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
