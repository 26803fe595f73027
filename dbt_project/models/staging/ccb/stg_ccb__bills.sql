with source as (
    select * from {{ source('lake', 'ccb_bill') }}
),

renamed as (
    select
        {{ text_value('bill_id') }} as bill_id,
        {{ text_value('acct_id') }} as account_id,

        {{ text_value('bill_cyc_cd') }} as bill_cycle_code,
        {{ text_value('bill_stat_flg') }} as bill_status_code,
        {{ switch_value('adhoc_bill_sw') }} as is_adhoc,

        bill_dt as bill_date,
        due_dt as due_date,
        win_start_dt as window_start_date,
        complete_dttm as completed_at,

        last_update_dttm as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
