with source as (
    select * from {{ source('lake', 'checks') }}
),

final as (
    select
        id::integer as check_id,
        run_id::integer as run_id,
        code::varchar as check_code,
        subject::varchar as subject,
        business_date::date as business_date,
        passed::boolean as is_passed,
        blocks::boolean as is_blocking,
        message::varchar as message,
        evidence::varchar as evidence_json,
        source.at::timestamp as checked_at
    from source
)

select * from final
