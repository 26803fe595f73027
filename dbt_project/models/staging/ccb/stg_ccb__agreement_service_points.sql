with source as (
    select * from {{ source('lake', 'ccb_sa_sp') }}
),

renamed as (
    select
        {{ text_value('sa_sp_id') }} as agreement_service_point_id,
        {{ text_value('sa_id') }} as service_agreement_id,
        {{ text_value('sp_id') }} as service_point_id,

        {{ text_value('usage_flg') }} as usage_sign_code,
        use_pct as usage_pct,

        start_dttm as started_at,
        stop_dttm as stopped_at,

        last_update_dttm as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
