with source as (
    select * from {{ source('lake', 'receipts') }}
),

final as (
    select
        id::integer as receipt_id,
        feed::varchar as feed,
        business_date::date as business_date,
        file_name::varchar as file_name,
        part::varchar as part,
        content_sha256::varchar as content_sha256,
        size_bytes::bigint as size_bytes,
        unpacked_bytes::bigint as unpacked_bytes,
        line_count::bigint as line_count,
        sent_at::timestamp as sent_at,
        arrived_at::timestamp as arrived_at,
        state::varchar as receipt_state,
        control_rows::bigint as control_rows,
        supersedes_id::integer as supersedes_id,
        superseded_by_id::integer as superseded_by_id,
        rows_in::bigint as rows_in,
        rows_kept::bigint as rows_kept,
        rows_rejected::bigint as rows_rejected,
        rows_ignored::bigint as rows_ignored,
        is_complete::boolean as is_complete,
        message::varchar as message
    from source
)

select * from final
