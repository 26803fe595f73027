with source as (
    select * from {{ source('lake', 'ccb_pay') }}
),

renamed as (
    select
        {{ text_value('pay_id') }} as payment_id,
        {{ text_value('acct_id') }} as account_id,

        {{ text_value('pay_status_flg') }} as payment_status_code,

        pay_amt as payment_amount,

        pay_dt as payment_date,

        last_update_dttm as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
