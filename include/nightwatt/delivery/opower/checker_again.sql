-- Stretches of reads in the file just read that the files before had already: where they begin, how many reads.
with runs as (
    select * from run
),

covered_before as (
    select * from covered
    where length = {length}
),

shared as (
    select
        runs.service_point_id,
        runs.line,
        greatest(runs.first_end, covered_before.first_end) as first_end,
        least(runs.last_end, covered_before.last_end) as last_end
    from runs
    inner join covered_before
        on
            runs.service_point_id = covered_before.service_point_id
            and runs.commodity = covered_before.commodity
            and runs.channel = covered_before.channel
            and runs.unit = covered_before.unit
            and runs.first_end <= covered_before.last_end
            and covered_before.first_end <= runs.last_end
            and (runs.first_end - covered_before.first_end) % {length} = 0
),

final as (
    select
        service_point_id,
        line,
        first_end,
        (last_end - first_end) // {length} + 1 as reads
    from shared
)

select * from final
