with source as (
    select * from {{ source('lake', 'ccb_acct_apay') }}
),

renamed as (
    select
        {{ text_value('acct_apay_id') }} as autopay_id,
        {{ text_value('acct_id') }} as account_id,

        start_dt as start_date,
        end_dt as end_date,

        last_update_dttm as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
