with source as (
    select * from {{ source('lake', 'ccb_acct_per') }}
),

renamed as (
    select
        {{ text_value('acct_id') }} as account_id,
        {{ text_value('per_id') }} as person_id,

        {{ text_value('acct_rel_type_cd') }} as relationship_type_code,
        {{ switch_value('main_cust_sw') }} as is_main_customer,
        {{ switch_value('fin_resp_sw') }} as is_financially_responsible,

        last_update_dttm as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
