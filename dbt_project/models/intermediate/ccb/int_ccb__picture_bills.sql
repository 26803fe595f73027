-- Bills of the last twelve months that are complete, or of a status no list knows. A bill in the making is none yet.
with bills as (
    select * from {{ ref('int_ccb__latest_bills') }}
    where bill_date is null or bill_date >= {{ twelve_months_back() }}
),

statuses as (
    select * from {{ ref('ccb_bill_statuses') }}
),

final as (
    select
        bills.*,
        statuses.bill_status
    from bills
    left join statuses
        on bills.bill_status_code = statuses.bill_status_code
    where statuses.bill_status is null or statuses.bill_status = 'issued'
)

select * from final
