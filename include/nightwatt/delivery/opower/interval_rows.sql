-- The lines of one range of service points, in the order the partner loads them: a service point's rows
-- from oldest to newest, its channels side by side.
with

selected as (
    select
        service_point_id,
        value,
        zone,
        interval_start_at,
        {unit} as unit,
        {quality} as quality,
        {channel} as channel,
        {length} as length
    from {reads}
    where
        commodity = $commodity
        and interval_min = $length_min
        and {wanted}
        and read_date between $first_read_date and $last_read_date
        and {is_sent}
        and service_point_id between $first_service_point_id and $last_service_point_id
),

ended as (
    select
        *,
        interval_start_at + length as end_at
    from selected
),

labelled as (
    select
        *,
        end_at + to_seconds({offset_seconds}) as local_end_at,
        {offset_text} as utc_offset
    from ended
),

final as (
    select
        {line} as line,
        service_point_id,
        end_at,
        channel,
        unit
    from labelled
)

select line from final
order by service_point_id, end_at, channel, unit
