-- Holes that came up with this file: between two of its runs, or between one and what the files before covered.
--
-- A hole that lies inside what was covered before is known already, whether a late read came into it or not.
with known as (
    select
        {key},
        min(first_end) as known_from,
        max(last_end) as known_to
    from covered
    where length = {length}
    group by {key}
),

runs as (
    select {key}, first_end, last_end, line from run
    union all
    select {key}, first_end, last_end, null as line from covered
    where length = {length} and ({key}) in (select ({key}) from run)
),

neighbours as (
    select
        *,
        max(last_end) over before as end_before,
        last_value(line ignore nulls) over before as line_before
    from runs
    window before as (partition by {key} order by first_end, last_end rows between unbounded preceding and 1 preceding)
),

final as (
    select
        neighbours.service_point_id,
        neighbours.end_before,
        neighbours.first_end,
        coalesce(neighbours.line, neighbours.line_before) as line
    from neighbours
    left join known using ({key})
    where
        neighbours.first_end > neighbours.end_before + {length}
        and (neighbours.first_end - neighbours.end_before) % {length} = 0
        and (
            known.known_from is null
            or neighbours.first_end > known.known_to
            or neighbours.end_before < known.known_from
        )
)

select * from final
