with source as (
    select * from {{ source('lake', 'ccb_sp') }}
),

renamed as (
    select
        {{ text_value('sp_id') }} as service_point_id,
        {{ text_value('prem_id') }} as premise_id,

        {{ text_value('sp_type_cd') }} as service_point_type_code,
        {{ text_value('sp_status_flg') }} as service_point_status_code,
        {{ text_value('sp_src_status_flg') }} as source_status_code,

        install_dt as install_date,
        abolish_dt as abolish_date,

        {{ text_value('fac_lvl_1_cd') }} as substation_code,
        {{ text_value('fac_lvl_2_cd') }} as feeder_code,
        {{ text_value('fac_lvl_3_cd') }} as network_node_code,

        last_update_dttm as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
