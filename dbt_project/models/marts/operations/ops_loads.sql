with source as (
    select * from {{ source('lake', 'loads') }}
),

final as (
    select
        sequence::bigint as load_sequence,
        receipt_id::integer as receipt_id,
        kind::varchar as load_kind,
        state::varchar as load_state,
        lake_path::varchar as lake_path,
        records_out::bigint as records_out,
        totals::varchar as totals_json,
        store_version::integer as store_version,
        started_at::timestamp as started_at,
        ended_at::timestamp as ended_at
    from source
)

select * from final
