-- What the CRM has of one object: what it had, and what it has answered since; the newest sending counts.
create or replace temp table {into} as
with

known as (select * from {known}),

answers as (select * from {answers}),

said as (
    select
        external_id,
        content_hash,
        remote_id,
        dated,
        part,
        stamp,
        answered_at,
        outcome = 'accepted' and part <> 'delete' as is_stored,
        (part = 'delete' and (outcome = 'accepted' or error_code = 'ENTITY_IS_DELETED'))
        -- asked for by its key alone: had it been there, nothing would have been missing
        or (part = 'ask' and outcome = 'refused' and error_code = 'REQUIRED_FIELD_MISSING') as is_gone,
        outcome = 'refused' and part not in ('delete', 'ask') as is_refused
    from answers
),

events as (
    select
        external_id,
        content_hash,
        remote_id,
        dated,
        stamp,
        answered_at as acknowledged_at,
        not is_gone as is_there
    from said
    where is_stored or is_gone
    union all
    select
        external_id,
        content_hash,
        remote_id,
        dated,
        stamp,
        acknowledged_at,
        is_there
    from known
),

newest as (
    select *
    from events
    qualify row_number() over (partition by external_id order by stamp desc, is_there desc) = 1
),

ids as (
    select
        external_id,
        arg_max(remote_id, stamp) filter (remote_id is not null) as remote_id
    from (
        select external_id, remote_id, stamp from said
        union all
        select external_id, remote_id, stamp from known
    ) as named
    group by external_id
),

refusals as (
    select
        external_id,
        part as refused_part,
        stamp as refused_stamp,
        dated,
        remote_id is not null as is_there_already
    from said
    where is_refused
    union all
    select
        external_id,
        refused_part,
        refused_stamp,
        dated,
        false as is_there_already
    from known
    where refused_part is not null
),

newest_refusal as (
    select *
    from refusals
    qualify row_number() over (partition by external_id order by refused_stamp desc) = 1
),

joined as (
    select
        coalesce(newest.external_id, newest_refusal.external_id) as external_id,
        case when newest.is_there then newest.content_hash end as content_hash,
        -- The CRM names the record of a row it refuses where the record is there.
        coalesce(newest.is_there, false)
            or coalesce(newest_refusal.is_there_already and refused_stamp > coalesce(newest.stamp, ''), false)
            as is_there,
        coalesce(newest.dated, newest_refusal.dated) as dated,
        newest.acknowledged_at as acknowledged_at,
        coalesce(newest.stamp, '') as stamp,
        case when refused_stamp > coalesce(newest.stamp, '') then refused_part end as refused_part,
        case when refused_stamp > coalesce(newest.stamp, '') then refused_stamp end as refused_stamp
    from newest
    full join newest_refusal on newest.external_id = newest_refusal.external_id
),

final as (
    select
        joined.external_id,
        joined.content_hash,
        joined.is_there,
        case when joined.is_there then ids.remote_id end as remote_id,
        joined.dated,
        joined.acknowledged_at,
        joined.stamp,
        joined.refused_part,
        joined.refused_stamp
    from joined
    left join ids on joined.external_id = ids.external_id
    where (joined.is_there or joined.refused_part is not null or {is_minded}) and {is_kept}
)

select * from final
order by external_id
