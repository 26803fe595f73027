with source as (
    select * from {{ source('lake', 'ccb_ft') }}
),

renamed as (
    select
        {{ text_value('ft_id') }} as financial_transaction_id,
        {{ text_value('sa_id') }} as service_agreement_id,
        {{ text_value('sibling_id') }} as sibling_id,
        {{ text_value('parent_id') }} as parent_id,
        {{ text_value('bill_id') }} as printed_bill_id,

        {{ text_value('ft_type_flg') }} as transaction_type_code,
        {{ text_value('currency_cd') }} as currency_code,
        {{ switch_value('freeze_sw') }} as is_frozen,
        {{ switch_value('redundant_sw') }} as is_redundant,
        {{ switch_value('not_in_ars_sw') }} as is_not_in_arrears,

        cur_amt as current_amount,
        tot_amt as total_amount,

        ars_dt as arrears_date,
        accounting_dt as accounting_date,

        last_update_dttm as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
