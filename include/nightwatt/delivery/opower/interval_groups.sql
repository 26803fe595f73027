-- What the selection holds, by everything that decides whether and how a read is sent.
select
    unit,
    channel,
    quality,
    zone,
    {verdict} as verdict,
    count(*) as reads,
    sum(value) as total,
    min(interval_start_at) as first_start_at,
    max(interval_start_at) as last_start_at,
    min(read_date) as first_read_date,
    max(read_date) as last_read_date
from {reads}
where
    commodity = $commodity
    and interval_min = $length_min
    and {wanted}
    and service_point_id is not null
group by all
order by all
