-- What would be written of one object: its mart's rows as text, with what keeps a row back.
create or replace temp table {into} as
with

mart as (
    select *
    from {mart}
    where {condition}
),

dated as (
    select
        mart.*,
        {dated} as _dated
    from mart
    {dated_join}
),

texts as (
    select
        {key} as external_id,
        {touched} as touched,
        _dated as dated,
        {hold} as is_hold,
        {only_known} as is_only_known,
        {fault} as fault,
        {unmapped} as unmapped,
        {cells}
    from dated
),

final as (
    select
        *,
        {content_hash} as content_hash
    from texts
)

select * from final
