with source as (
    select * from {{ source('lake', 'ccb_sa') }}
),

renamed as (
    select
        {{ text_value('sa_id') }} as service_agreement_id,
        {{ text_value('acct_id') }} as account_id,
        {{ text_value('char_prem_id') }} as premise_id,

        {{ text_value('sa_type_cd') }} as agreement_type_code,
        {{ text_value('cis_division') }} as division_code,
        {{ text_value('sa_status_flg') }} as agreement_status_code,
        {{ text_value('strt_rsn_flg') }} as start_reason_code,
        {{ text_value('stop_rsn_flg') }} as stop_reason_code,

        start_dt as start_date,
        end_dt as end_date,

        last_update_dttm as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
