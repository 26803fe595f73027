{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['client', 'supply_point_id', 'slice_end_key'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_isu__supply_points'), ['client', 'supply_point_id', 'slice_end_key']) }}
