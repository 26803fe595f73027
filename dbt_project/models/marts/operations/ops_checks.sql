with source as (
    select * from {{ source('lake', 'checks') }}
),

final as (
    select
        source.id::integer as check_id,
        source.run_id::integer as run_id,
        source.code::varchar as check_code,
        source.subject::varchar as subject,
        source.business_date::date as business_date,
        source.passed::boolean as is_passed,
        source.blocks::boolean as is_blocking,
        source.message::varchar as message,
        source.evidence::varchar as evidence_json,
        source.at::timestamp as checked_at
    from source
)

select * from final
