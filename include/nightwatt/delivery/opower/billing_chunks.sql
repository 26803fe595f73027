-- Ranges of the key by which the lines are ordered, each of about $chunk_bytes: the only places where a file may be split.
with

per_key as (
    select
        {key} as key,
        sum(strlen(line) + 2) as bytes
    from {lines}
    group by all
),

running as (
    select
        key,
        bytes,
        sum(bytes) over (order by key rows unbounded preceding) as bytes_so_far
    from per_key
),

final as (
    select
        min(key) as first_key,
        max(key) as last_key,
        sum(bytes)::bigint as most_bytes
    from running
    group by (bytes_so_far - 1) // $chunk_bytes
)

select * from final
order by first_key
