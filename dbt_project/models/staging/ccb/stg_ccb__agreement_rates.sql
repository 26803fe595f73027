with source as (
    select * from {{ source('lake', 'ccb_sa_rs_hist') }}
),

renamed as (
    select
        {{ text_value('sa_id') }} as service_agreement_id,
        effdt as effective_date,

        {{ text_value('rs_cd') }} as rate_schedule_code,

        last_update_dttm as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
