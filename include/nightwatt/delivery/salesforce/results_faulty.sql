-- The first row of a result file that lacks what every row of its kind has, as a person counts: the header is row 1.
with

numbered as (
    select
        row_number() over () + 1 as row_number,
        {field_name} as field_name
    from {relation}
)

select
    row_number,
    field_name
from numbered
where field_name is not null
order by row_number
limit 1
