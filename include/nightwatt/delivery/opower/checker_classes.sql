-- What each period of the file is to those before it: the first, the next, after a gap, the very same again,
-- or disputed: it reaches back, and only the record as it then stood can tell whether it may.
with periods as (
    select * from usage_row
),

on_record as (
    select * from period
    where service_point_id in (select service_point_id from usage_row)
),

newest as (
    select
        service_point_id,
        max(ends_on) as newest_end
    from on_record
    group by service_point_id
),

placed as (
    select
        periods.*,
        row_number() over (partition by periods.service_point_id order by periods.line) as place,
        lag(periods.ends_on) over in_file as end_before_in_file,
        greatest(newest.newest_end, max(periods.ends_on) over earlier) as newest_end,
        row_number() over (
            partition by periods.service_point_id, periods.starts_on, periods.ends_on
            order by periods.line
        ) as times,
        lag(periods.is_estimated) over (
            partition by periods.service_point_id, periods.starts_on, periods.ends_on
            order by periods.line
        ) as was_estimated
    from periods
    left join newest using (service_point_id)
    window
        in_file as (partition by periods.service_point_id order by periods.line),
        earlier as (
            partition by periods.service_point_id
            order by periods.line
            rows between unbounded preceding and 1 preceding
        )
),

final as (
    select
        placed.*,
        case
            when placed.newest_end is null then 'first'
            when placed.times > 1 or on_record.service_point_id is not null then 'again'
            when placed.starts_on = placed.newest_end then 'next'
            when placed.starts_on > placed.newest_end then 'gap'
            else 'disputed'
        end as class
    from placed
    left join on_record using (service_point_id, starts_on, ends_on)
)

select * from final
