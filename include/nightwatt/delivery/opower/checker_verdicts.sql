-- The verdict on one period of each disputed service point, by the record as the periods before it left it.
--
-- Legal: the very same period again; what begins where the newest read ends or later; what lies beside every period
-- on record; and a longer period from an old boundary past the newest read, which replaces the reads inside it.
with period_now as (
    select * from disputed
    where place = $place
),

on_record as (
    select * from disputed_period
),

newest as (
    select
        service_point_id,
        max(ends_on) as newest_end,
        max_by(ends_on - starts_on, ends_on) as newest_days
    from on_record
    group by service_point_id
),

compared as (
    select
        period_now.service_point_id,
        period_now.line,
        any_value(period_now.starts_on) as starts_on,
        any_value(period_now.ends_on) as ends_on,
        any_value(period_now.days) as days,
        any_value(newest.newest_end) as newest_end,
        any_value(newest.newest_days) as newest_days,
        coalesce(bool_or(
            on_record.starts_on = period_now.starts_on and on_record.ends_on = period_now.ends_on
        ), false) as is_same,
        coalesce(bool_or(on_record.starts_on = period_now.starts_on), false) as is_old_boundary,
        coalesce(bool_or(
            on_record.starts_on < period_now.ends_on and period_now.starts_on < on_record.ends_on
        ), false) as is_overlapping
    from period_now
    left join on_record using (service_point_id)
    left join newest using (service_point_id)
    group by period_now.service_point_id, period_now.line
),

final as (
    select
        service_point_id,
        line,
        starts_on,
        ends_on,
        newest_end,
        case
            when newest_end is null then 'first'
            when is_same then 'again'
            when starts_on = newest_end then 'next'
            when starts_on > newest_end then 'gap'
            when not is_overlapping then 'late'
            when is_old_boundary and ends_on > newest_end and days > newest_days then 'replaces'
            else 'bad'
        end as class
    from compared
)

select * from final
