-- The zones of a selection and the time it spans in each.
select
    zone,
    min(interval_start_at) as first_start_at,
    max(interval_start_at) as last_start_at
from {reads}
where
    commodity = $commodity
    and interval_min = $length_min
    and {wanted}
    and service_point_id is not null
    and zone is not null
group by zone
order by zone
