-- The bills of the last twelve months.
with bills as (
    select * from {{ ref('int_isu__issued_bills') }}
),

final as (
    select *
    from bills
    where coalesce(bill_date >= {{ twelve_months_back() }}, true)
)

select * from final
