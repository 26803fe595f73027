with source as (
    select * from {{ source('lake', 'ccb_prem_geo') }}
),

renamed as (
    select
        {{ text_value('prem_id') }} as premise_id,

        {{ text_value('geo_type_cd') }} as geo_type_code,

        {{ text_value('geo_val') }} as geo_value,

        last_update_dttm as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
