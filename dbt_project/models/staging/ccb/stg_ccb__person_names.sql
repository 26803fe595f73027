with source as (
    select * from {{ source('lake', 'ccb_per_name') }}
),

renamed as (
    select
        {{ text_value('per_id') }} as person_id,
        seq_num as name_sequence,

        {{ text_value('entity_name') }} as person_name,
        {{ text_value('name_type_flg') }} as name_type_code,

        last_update_dttm as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
