{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['bill_segment_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_ccb__bill_segments'), ['bill_segment_id']) }}
