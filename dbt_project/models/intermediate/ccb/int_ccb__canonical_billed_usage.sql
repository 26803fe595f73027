-- What was billed, with the point it was for. A segment does not say its point: it is the agreement's only one in that
-- period, and none where there were several, for bills do not divide energy.
with periods as (
    select * from {{ ref('int_ccb__billed_periods') }}
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
        -- the only point there ever was is that of every bill, whatever the days of the link say
        case when point_count = 1 then min(links.service_point_id) end as only_point_id,
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
    inner join linked
        on periods.service_agreement_id = linked.service_agreement_id
    inner join links
        on periods.service_agreement_id = links.service_agreement_id
    where
        linked.point_count > 1
        and links.first_day < periods.boundary_date and links.until_day > periods.period_start_date
    group by periods.service_agreement_id, periods.period_start_date, periods.boundary_date
),

final as (
    select
        {{ external_id('CCB', 'BU', 'periods.service_agreement_id', "strftime(periods.period_start_date, '%Y%m%d')",
            "strftime(periods.boundary_date, '%Y%m%d')") }} as billed_usage_key,
        'CCB' as source_system,
        {{ external_id('CCB', 'SA', 'periods.service_agreement_id') }} as service_agreement_key,
        periods.service_agreement_id,
        coalesce(linked.only_point_id, points_of_period.service_point_id) as service_point_id,
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
