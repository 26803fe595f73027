-- Periods on record: the last row of each, unless a later row covers it.
create or replace temp table sent_usage as
with

said as (
    select
        service_point_id,
        try_strptime(date_to, '%Y%m%d')::date + {later} as boundary_date,
        try_cast(duration as integer) as days,
        line,
        arrival,
        place
    from sent_usage_row
),

periods as (
    select
        service_point_id,
        boundary_date - days as start_date,
        boundary_date,
        arg_max(line, (arrival, place)) as line,
        max((arrival, place)) as said_last
    from said
    where boundary_date is not null and days is not null
    group by service_point_id, boundary_date, days
),

covered as (
    select distinct
        earlier.service_point_id,
        earlier.start_date,
        earlier.boundary_date
    from periods as earlier
    inner join periods as later
        on
            earlier.service_point_id = later.service_point_id
            and later.start_date <= earlier.start_date
            and later.boundary_date >= earlier.boundary_date
            and later.boundary_date - later.start_date > earlier.boundary_date - earlier.start_date
            and later.said_last > earlier.said_last
),

final as (
    select
        periods.service_point_id,
        periods.start_date,
        periods.boundary_date,
        periods.line
    from periods
    anti join covered using (service_point_id, start_date, boundary_date)
)

select * from final
