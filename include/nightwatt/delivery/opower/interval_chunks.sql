-- Ranges of service points, each with about $chunk_reads reads: small enough to sort in memory, and the
-- only places where a file may be split.
with

per_service_point as (
    select
        service_point_id,
        count(*) as reads
    from {reads}
    where
        commodity = $commodity
        and interval_min = $length_min
        and {wanted}
        and read_date between $first_read_date and $last_read_date
        and {is_sent}
        and service_point_id is not null
    group by service_point_id
),

running as (
    select
        service_point_id,
        reads,
        sum(reads) over (order by service_point_id rows unbounded preceding) as reads_so_far
    from per_service_point
),

final as (
    select
        min(service_point_id) as first_service_point_id,
        max(service_point_id) as last_service_point_id,
        count(*) as service_points,
        sum(reads)::bigint as reads,
        sum(reads * (strlen(service_point_id) + $other_bytes))::bigint as most_bytes,
        bool_or(regexp_matches(service_point_id, '[[:cntrl:]]|^ | $')) as needs_cleaning
    from running
    group by (reads_so_far - 1) // $chunk_reads
)

select * from final
order by first_service_point_id
