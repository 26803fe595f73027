-- What becomes of each row: sent (and in which part), unchanged, or held back and why.
create or replace temp table {into} as
with

rendered as (select * from {rendered}),

known as (select * from {known}),

doubted as (select * from {doubted}),

compared as (
    select
        rendered.*,
        coalesce(known.is_there, false) as is_there,
        doubted.external_id is not null as is_doubted,
        known.content_hash as acknowledged_hash,
        known.refused_part,
        {parents_there} as parents_there,
        {parent_here} as parent_here,
        {parent_here} in (select external_id from known where is_there) as parent_is_there
    from rendered
    left join known on rendered.external_id = known.external_id
    left join doubted on rendered.external_id = doubted.external_id
),

judged as (
    select
        *,
        is_there or is_doubted or refused_part is not null as may_be_there,
        case
            when is_hold then 'hold'
            when fault is not null then 'fault'
            when is_only_known and not is_there and not is_doubted then 'only_known'
            when is_there and not is_doubted and acknowledged_hash = content_hash then 'unchanged'
            when parents_there and (parent_here is null or parent_is_there) then 'send'
            else 'parent'
        end as fate,
        case
            when not {has_create_only} then 'all'
            when is_there then 'known'
            -- Nobody knows whether it is there. The part that was refused last is not the right one.
            when is_doubted and refused_part = 'new' then 'known'
            else 'new'
        end as part,
        0 as wave
    from compared
),

final as (
    select * exclude (is_hold, is_only_known, is_there, is_doubted, acknowledged_hash, refused_part, parent_is_there)
    from judged
)

select * from final
