-- Uploaded rows against result rows.
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
        external_id,
        count(*) filter (outcome = 'accepted') as accepted_count,
        count(*) filter (outcome = 'refused') as refused_count,
        count(*) filter (outcome = 'unprocessed') as unprocessed_count,
        count(*) as result_count
    from {results}
    group by external_id
),

compared as (
    select
        coalesce(uploaded.uploaded_count, 0) as uploaded_count,
        coalesce(results.accepted_count, 0) as accepted_count,
        coalesce(results.refused_count, 0) as refused_count,
        coalesce(results.unprocessed_count, 0) as unprocessed_count,
        coalesce(results.result_count, 0) as result_count
    from uploaded
    full join results on uploaded.external_id = results.external_id
),

final as (
    select
        coalesce(sum(uploaded_count), 0) as uploaded,
        coalesce(sum(accepted_count), 0) as accepted,
        coalesce(sum(refused_count), 0) as refused,
        coalesce(sum(unprocessed_count), 0) as unprocessed,
        coalesce(sum(greatest(uploaded_count - result_count, 0)), 0) as missing,
        coalesce(sum(greatest(result_count - uploaded_count, 0)), 0) as surplus
    from compared
)

select * from final
