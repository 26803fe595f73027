{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['service_point_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_ccb__service_points'), ['service_point_id']) }}
