with source as (
    select * from {{ source('lake', 'deliveries') }}
),

final as (
    select
        source.id::integer as delivery_id,
        source.delivery::varchar as delivery,
        source.business_date::date as business_date,
        source.publication_sequence::bigint as publication_sequence,
        source.file_name::varchar as file_name,
        source.content_sha256::varchar as content_sha256,
        source.size_bytes::bigint as size_bytes,
        source.rows::bigint as row_count,
        source.totals::varchar as totals_json,
        source.remote_path::varchar as remote_path,
        source.state::varchar as delivery_state,
        source.attempts::integer as attempt_count,
        source.intended_at::timestamp as intended_at,
        source.delivered_at::timestamp as delivered_at,
        source.message::varchar as message
    from source
)

select * from final
