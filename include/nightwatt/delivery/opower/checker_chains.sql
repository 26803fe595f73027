-- Places where segments of a service agreement do not touch: one row for each, in this file or against those before.
-- A segment sent again replaces itself. One without an end is open: what comes after it is not judged.
with
stands as (
    select
        service_agreement_id,
        starts_at,
        ends_at,
        file_number,
        line
    from segment
    qualify row_number() over (partition by bill_id, bill_segment_id order by file_number desc, line desc) = 1
),

chained as (
    select
        service_agreement_id,
        starts_at,
        file_number,
        line,
        max(ends_at) over before_it as ended_at,
        bool_or(ends_at is null) over before_it as after_an_open_one,
        last_value(file_number) over before_it as file_before,
        last_value(line) over before_it as line_before
    from stands
    window
        before_it as (
            partition by service_agreement_id
            order by starts_at, ends_at nulls last, file_number, line
            rows between unbounded preceding and 1 preceding
        )
),

final as (
    select
        service_agreement_id,
        ended_at,
        starts_at,
        case when file_number = {file} then line else line_before end as line,
        case when starts_at > ended_at then 'gap' else 'overlap' end as class
    from chained
    where starts_at <> ended_at and not after_an_open_one and {file} in (file_number, file_before)
)

select * from final
