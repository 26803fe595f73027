with source as (
    select * from {{ source('lake', 'ccb_acct') }}
),

renamed as (
    select
        {{ text_value('acct_id') }} as account_id,
        {{ text_value('mailing_prem_id') }} as mailing_premise_id,

        {{ text_value('cust_cl_cd') }} as customer_class_code,
        {{ text_value('bill_cyc_cd') }} as bill_cycle_code,
        {{ text_value('bill_rte_type_cd') }} as bill_route_code,
        {{ text_value('coll_cl_cd') }} as collection_class_code,
        {{ text_value('cis_division') }} as division_code,
        {{ text_value('currency_cd') }} as currency_code,

        setup_dt as setup_date,

        last_update_dttm as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
