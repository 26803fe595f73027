with source as (
    select * from {{ source('lake', 'reject_summaries') }}
),

final as (
    select
        id::integer as reject_summary_id,
        receipt_id::integer as receipt_id,
        load_sequence::bigint as load_sequence,
        code::varchar as reject_code,
        column_name::varchar as column_name,
        lines::bigint as line_count,
        first_line::bigint as first_line,
        open_lines::bigint as open_line_count
    from source
)

select * from final
