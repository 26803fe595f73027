{#- A bill has no amount of its own: what the mart says is what the money ledger says, bill by bill. -#}
{{ config(tags=['billing']) }}

with bills as (
    select *
    from {{ ref('fct_bills') }}
    {% if not flags.FULL_REFRESH %}
    where through_sequence not in {{ built_loads() }}
    {% endif %}
),

versions as (
    select
        *,
        row_number() over (
            partition by financial_transaction_id
            order by {{ newest_first() }}
        ) as version_rank
    from {{ ref('stg_ccb__financial_transactions') }}
    where financial_transaction_id in (
        select transactions.financial_transaction_id
        from {{ ref('stg_ccb__financial_transactions') }} as transactions
        semi join bills
            on transactions.parent_id = bills.bill_id
    )
),

expected as (
    select
        parent_id as bill_id,
        sum(current_amount) as current_amount,
        sum(total_amount) as total_amount
    from versions
    where version_rank = 1 and is_frozen and transaction_type_code in ('BS', 'BX')
    group by parent_id
)

select
    bills.bill_id,
    bills.current_amount_usd,
    expected.current_amount
from bills
left join expected
    on bills.bill_id = expected.bill_id
where
    bills.current_amount_usd is distinct from expected.current_amount
    or bills.total_amount_usd is distinct from expected.total_amount
