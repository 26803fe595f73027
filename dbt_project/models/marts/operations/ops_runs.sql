with source as (
    select * from {{ source('lake', 'runs') }}
),

final as (
    select
        id::integer as run_id,
        stage::varchar as stage,
        subject::varchar as subject,
        business_date::date as business_date,
        started_by::varchar as started_by,
        state::varchar as run_state,
        started_at::timestamp as started_at,
        ended_at::timestamp as ended_at,
        message::varchar as message
    from source
)

select * from final
