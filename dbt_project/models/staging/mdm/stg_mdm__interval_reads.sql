with source as (
    select * from {{ source('lake', 'interval_reads') }}
),

renamed as (
    select
        service_point_id,
        channel,
        meter_id,
        unit,
        quality,
        commodity,
        zone,
        value,
        interval_min,
        interval_start_at,
        last_updated_at,
        read_date as usage_date,
        receipt_id as _receipt_id,
        load_sequence as _load_sequence
    from source
)

select * from renamed
