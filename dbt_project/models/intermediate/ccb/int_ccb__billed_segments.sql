{{ config(materialized='table') }}

-- Segments of issued bills that are or were money, with the agreement they are of. A query of its own, like what is
-- made of it: in one, a large utility's history does not fit in memory.
with issued_bills as (
    select
        bills.bill_id,
        bills.last_updated_at,
        bills._load_sequence
    from {{ ref('int_ccb__latest_bills') }} as bills
    inner join {{ ref('ccb_bill_statuses') }} as statuses
        on bills.bill_status_code = statuses.bill_status_code and statuses.bill_status = 'issued'
),

agreements as (
    select * from {{ ref('int_ccb__service_agreements') }}
    where is_revenue
),

final as (
    select
        segments.bill_segment_id,
        segments.service_agreement_id,
        segments.period_start_date,
        (segments.period_end_date + {{ var('ccb_end_date_is_billed') }})::date as boundary_date,
        statuses.bill_segment_status = 'frozen' as stands,
        segments.is_estimated,
        agreements.account_id,
        agreements.commodity,
        greatest(segments.last_updated_at, issued_bills.last_updated_at) as last_updated_at,
        greatest(segments._load_sequence, issued_bills._load_sequence) as through_sequence
    from {{ ref('int_ccb__latest_bill_segments') }} as segments
    inner join issued_bills
        on segments.bill_id = issued_bills.bill_id
    inner join agreements
        on segments.service_agreement_id = agreements.service_agreement_id
    inner join {{ ref('ccb_bill_segment_statuses') }} as statuses
        on segments.bill_segment_status_code = statuses.bill_segment_status_code
    where
        -- one that waits for its cancellation was billed, and stands until it is cancelled
        statuses.bill_segment_status in ('frozen', 'pending_cancel', 'cancelled')
        and segments.period_start_date is not null and segments.period_end_date is not null
)

select * from final
