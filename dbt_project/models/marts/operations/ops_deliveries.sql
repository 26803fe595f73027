with source as (
    select * from {{ source('lake', 'deliveries') }}
),

final as (
    select
        id::integer as delivery_id,
        delivery::varchar as delivery,
        business_date::date as business_date,
        publication_sequence::bigint as publication_sequence,
        file_name::varchar as file_name,
        content_sha256::varchar as content_sha256,
        size_bytes::bigint as size_bytes,
        source.rows::bigint as row_count,
        totals::varchar as totals_json,
        remote_path::varchar as remote_path,
        state::varchar as delivery_state,
        attempts::integer as attempt_count,
        intended_at::timestamp as intended_at,
        delivered_at::timestamp as delivered_at,
        message::varchar as message
    from source
)

select * from final
