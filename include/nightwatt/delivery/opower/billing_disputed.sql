-- Periods of the service points that must be looked at as a whole: on record, to be said, and on record without
-- standing any more: their bill was taken back (gone), or the billing system does not know them at this point (lost).
with

standing as (
    select distinct
        service_point_id,
        start_date,
        boundary_date
    from billing_period
    where not is_cancelled
),

cancelled as (
    select distinct
        service_point_id,
        start_date,
        boundary_date
    from billing_period
    where is_cancelled
),

gone as (
    select
        sent_usage.*,
        if(cancelled.service_point_id is null, 'lost', 'gone') as part
    from sent_usage
    anti join standing using (service_point_id, start_date, boundary_date)
    left join cancelled using (service_point_id, start_date, boundary_date)
    where
        sent_usage.service_point_id in (select service_point_id from billing_period)
        and coalesce(sent_usage.boundary_date - 1 >= $first_day, true)
        and coalesce(sent_usage.boundary_date - 1 <= $last_day, true)
),

points as (
    select service_point_id from billing_fate
    where not is_plain
    union
    select service_point_id from gone
),

final as (
    select
        service_point_id,
        'on_record' as part,
        start_date,
        boundary_date
    from sent_usage
    where service_point_id in (select service_point_id from points)
    union all
    select
        service_point_id,
        'standing' as part,
        start_date,
        boundary_date
    from billing_fate
    where service_point_id in (select service_point_id from points)
    union all
    select
        service_point_id,
        part,
        start_date,
        boundary_date
    from gone
)

select * from final
order by service_point_id
