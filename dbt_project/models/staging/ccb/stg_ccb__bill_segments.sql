with source as (
    select * from {{ source('lake', 'ccb_bseg') }}
),

renamed as (
    select
        {{ text_value('bseg_id') }} as bill_segment_id,
        {{ text_value('bill_id') }} as bill_id,
        {{ text_value('sa_id') }} as service_agreement_id,
        {{ text_value('prem_id') }} as premise_id,

        {{ text_value('bseg_stat_flg') }} as bill_segment_status_code,
        {{ text_value('can_rsn_cd') }} as cancel_reason_code,
        {{ switch_value('est_sw') }} as is_estimated,
        {{ switch_value('closing_bseg_sw') }} as is_closing,

        start_dt as period_start_date,
        end_dt as period_end_date,

        last_update_dttm as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
