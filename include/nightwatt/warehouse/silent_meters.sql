-- Of each commodity: service points that usually report, and those of them of which nothing was read on the day asked for.
with

usage as (
    select
        commodity,
        service_point_id,
        usage_date
    from fct_usage_daily
    where usage_date between $day::date - $look_back_days::integer and $day and reads_received > 0
    group by commodity, service_point_id, usage_date
),

usual as (
    select
        commodity,
        service_point_id
    from usage
    where usage_date < $day
    group by commodity, service_point_id
    having count(*) >= $usual_days
),

reported as (
    select
        commodity,
        service_point_id
    from usage
    where usage_date = $day
),

final as (
    select
        usual.commodity,
        count(*) as usual,
        count(*) filter (where reported.service_point_id is null) as silent
    from usual
    left join reported using (commodity, service_point_id)
    group by usual.commodity
)

select * from final order by commodity
