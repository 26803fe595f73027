-- What each agreement was billed for in a period, as far back as the bills go. A segment does not say its point: it is
-- the agreement's only one in that period, and none where there were several, for bills do not divide energy.
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

segments as (
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
),

amounts as (
    select
        transactions.sibling_id as bill_segment_id,
        sum(transactions.current_amount) as amount,
        max(transactions.last_updated_at) as last_updated_at,
        max(transactions._load_sequence) as through_sequence
    from {{ ref('int_ccb__latest_financial_transactions') }} as transactions
    inner join {{ ref('ccb_transaction_types') }} as transaction_types
        on transactions.transaction_type_code = transaction_types.transaction_type_code
    where transactions.is_frozen and transaction_types.is_in_bill_total
    group by transactions.sibling_id
),

quantities as (
    select
        quantities.bill_segment_id,
        units.main_energy_of as commodity,
        sum(quantities.billed_quantity) as usage_quantity,
        min(units.unit) as usage_unit,
        max(quantities.last_updated_at) as last_updated_at,
        max(quantities._load_sequence) as through_sequence
    from {{ ref('int_ccb__latest_bill_segment_quantities') }} as quantities
    inner join {{ ref('ccb_billed_units') }} as units
        on quantities.unit_code = units.unit_code
    where
        quantities.time_of_use_code is null
        and quantities.quantity_identifier_code is null
        and units.main_energy_of is not null
    group by quantities.bill_segment_id, units.main_energy_of
),

periods as (
    select
        segments.service_agreement_id,
        segments.period_start_date,
        segments.boundary_date,
        min(segments.account_id) as account_id,
        min(segments.commodity) as commodity,
        not bool_or(segments.stands) as is_cancelled,
        coalesce(bool_or(segments.is_estimated) filter (where segments.stands), false) as is_estimated,
        sum(quantities.usage_quantity) filter (where segments.stands) as usage_quantity,
        min(quantities.usage_unit) filter (where segments.stands) as usage_unit,
        sum(amounts.amount) as charge_amount,
        max(greatest(segments.last_updated_at, amounts.last_updated_at, quantities.last_updated_at)) as last_updated_at,
        max(
            greatest(segments.through_sequence, amounts.through_sequence, quantities.through_sequence)
        ) as through_sequence
    from segments
    left join amounts
        on segments.bill_segment_id = amounts.bill_segment_id
    left join quantities
        on segments.bill_segment_id = quantities.bill_segment_id and segments.commodity = quantities.commodity
    group by segments.service_agreement_id, segments.period_start_date, segments.boundary_date
),

-- A link's own news (its stop, at a move-out) changes nothing of what was billed before, so what counts is when a link
-- was first known; where an agreement has several points, any news may change which one it was.
links as (
    select
        service_agreement_id,
        service_point_id,
        {{ local_date('started_at') }} as first_day,
        coalesce({{ local_date('stopped_at') }}, date '9999-12-31') as until_day,
        _load_sequence
    from {{ ref('int_ccb__latest_agreement_service_points') }}
),

first_known as (
    select
        service_agreement_id,
        service_point_id,
        min(_load_sequence) as known_since_sequence
    from {{ ref('stg_ccb__agreement_service_points') }}
    group by service_agreement_id, service_point_id
),

linked as (
    select
        links.service_agreement_id,
        count(distinct links.service_point_id) as point_count,
        min(first_known.known_since_sequence) as known_since_sequence,
        max(links._load_sequence) as through_sequence
    from links
    inner join first_known
        on
            links.service_agreement_id = first_known.service_agreement_id
            and links.service_point_id = first_known.service_point_id
    group by links.service_agreement_id
),

points_of_period as (
    select
        periods.service_agreement_id,
        periods.period_start_date,
        periods.boundary_date,
        case when count(distinct links.service_point_id) = 1 then min(links.service_point_id) end as service_point_id
    from periods
    inner join links
        on periods.service_agreement_id = links.service_agreement_id
    inner join linked
        on periods.service_agreement_id = linked.service_agreement_id
    -- the only point there ever was is that of every bill, whatever the days of the link say
    where
        linked.point_count = 1
        or (links.first_day < periods.boundary_date and links.until_day > periods.period_start_date)
    group by periods.service_agreement_id, periods.period_start_date, periods.boundary_date
),

final as (
    select
        {{ external_id('CCB', 'BU', 'periods.service_agreement_id', "strftime(periods.period_start_date, '%Y%m%d')",
            "strftime(periods.boundary_date, '%Y%m%d')") }} as billed_usage_key,
        'CCB' as source_system,
        {{ external_id('CCB', 'SA', 'periods.service_agreement_id') }} as service_agreement_key,
        periods.service_agreement_id,
        points_of_period.service_point_id,
        periods.account_id as billing_account_id,

        periods.commodity,
        periods.period_start_date,
        periods.boundary_date,
        (periods.boundary_date - periods.period_start_date)::integer as days,
        periods.usage_quantity::decimal(28, 6) as usage_quantity,
        periods.usage_unit,
        periods.charge_amount::decimal(18, 2) as charge_amount_usd,
        periods.is_estimated,
        periods.is_cancelled,

        periods.last_updated_at,
        greatest(
            periods.through_sequence,
            case when linked.point_count = 1 then linked.known_since_sequence else linked.through_sequence end
        ) as through_sequence
    from periods
    left join linked
        on periods.service_agreement_id = linked.service_agreement_id
    left join points_of_period
        on
            periods.service_agreement_id = points_of_period.service_agreement_id
            and periods.period_start_date = points_of_period.period_start_date
            and periods.boundary_date = points_of_period.boundary_date
)

select * from final
