-- What each period is to what the partner has, where that can be told without looking at the service point as a whole:
-- said before in the very same words, the very same days again, or what begins where all others end. A service point
-- with any other period, or with one on record that stands no more, is disputed.
create or replace temp table billing_fate as
with

-- what is to be said: what changed, and what stands and was never said
candidates as (
    select
        periods.*,
        sent_usage.line as sent_line,
        row_number() over (
            partition by periods.service_point_id, periods.start_date, periods.boundary_date
            order by periods.number
        ) as times
    from billing_period as periods
    left join sent_usage
        on
            periods.service_point_id = sent_usage.service_point_id
            and periods.start_date = sent_usage.start_date
            and periods.boundary_date = sent_usage.boundary_date
    where
        periods.verdict = 'send'
        and not periods.is_cancelled
        and (periods.is_wanted or sent_usage.service_point_id is null)
),

newest as (
    select
        service_point_id,
        max(boundary_date) as boundary_date
    from sent_usage
    group by service_point_id
),

placed as (
    select
        candidates.*,
        greatest(
            newest.boundary_date,
            max(candidates.boundary_date) over (
                partition by candidates.service_point_id
                order by candidates.number
                rows between unbounded preceding and 1 preceding
            )
        ) as newest_boundary
    from candidates
    left join newest
        on candidates.service_point_id = newest.service_point_id
),

final as (
    select
        number,
        service_point_id,
        start_date,
        boundary_date,
        line,
        sent_line,
        newest_boundary is null
        or times > 1
        or sent_line is not null
        or start_date >= newest_boundary as is_plain
    from placed
)

select * from final
