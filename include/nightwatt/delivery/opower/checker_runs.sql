-- The runs of unbroken reads of the file just read, and what lies between them and those of the files before.
--
-- {key}: what tells the channels of a service point apart; {length}: minutes from one end to the next. A run is broken
-- wherever the file goes on with another channel, so pieces that touch are joined first.
with pieces as (
    select
        *,
        max(last_end) over (
            partition by {key} order by first_end, last_end rows between unbounded preceding and 1 preceding
        ) as end_before
    from piece
),

numbered as (
    select
        *,
        count(*) filter (where end_before is null or first_end > end_before + {length}) over (
            partition by {key} order by first_end, last_end rows unbounded preceding
        ) as run_number
    from pieces
),

final as (
    select
        {key},
        min(first_end) as first_end,
        max(last_end) as last_end,
        first(line order by first_end, line) as line
    from numbered
    group by {key}, run_number
)

select * from final
