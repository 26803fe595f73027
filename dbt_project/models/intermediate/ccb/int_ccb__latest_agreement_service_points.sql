{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['agreement_service_point_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_ccb__agreement_service_points'), ['agreement_service_point_id']) }}
