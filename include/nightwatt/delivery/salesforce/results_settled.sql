-- One row for every uploaded external id: the worst of its results, or that there are too few.
create or replace temp table {into} as
with

uploaded as (
    select
        external_id,
        count(*) as uploaded_count
    from {uploaded}
    group by external_id
),

results as (
    select
        *,
        case outcome when 'refused' then 3 when 'unprocessed' then 2 else 1 end as severity
    from {results}
),

worst as (
    select
        external_id,
        count(*) over (partition by external_id) as result_count,
        outcome,
        remote_id,
        is_created,
        error_code,
        message
    from results
    qualify row_number() over (partition by external_id order by severity desc, message, remote_id) = 1
),

final as (
    select
        uploaded.external_id,
        case
            when worst.outcome in ('refused', 'unprocessed') then worst.outcome
            when coalesce(worst.result_count, 0) < uploaded.uploaded_count then 'missing'
            else worst.outcome
        end as outcome,
        worst.remote_id,
        worst.is_created,
        worst.error_code,
        worst.message
    from uploaded
    left join worst on uploaded.external_id = worst.external_id
)

select * from final
