with source as (
    select * from {{ source('lake', 'publications') }}
),

final as (
    select
        sequence::bigint as publication_sequence,
        domain::varchar as domain,
        as_of::date as as_of_date,
        state::varchar as publication_state,
        through_sequence::bigint as through_sequence,
        store_version::integer as store_version,
        tables::varchar as tables_json,
        started_at::timestamp as started_at,
        published_at::timestamp as published_at,
        message::varchar as message
    from source
)

select * from final
