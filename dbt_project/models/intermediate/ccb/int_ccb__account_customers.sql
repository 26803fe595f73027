-- One row an account: its main customer. Where the source names two, the lower id, and the count says so.
with account_persons as (
    select * from {{ ref('int_ccb__latest_account_persons') }}
),

final as (
    select
        account_id,
        min(person_id) as person_id,
        count(*) as main_customer_count
    from account_persons
    where is_main_customer
    group by account_id
)

select * from final
