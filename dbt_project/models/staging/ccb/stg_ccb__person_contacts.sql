with source as (
    select * from {{ source('lake', 'ccb_per_contdet') }}
),

renamed as (
    select
        {{ text_value('contact_id') }} as contact_detail_id,
        {{ text_value('per_id') }} as person_id,

        {{ text_value('comm_rte_type_cd') }} as contact_route_code,
        {{ text_value('cnd_primary_flg') }} as primary_flag_code,
        {{ text_value('cnd_actinact_flg') }} as activity_flag_code,

        {{ text_value('contact_value') }} as contact_value,

        last_update_dttm as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
