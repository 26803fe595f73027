{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['client', 'equipment_id', 'slice_end_key'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_isu__device_slices'), ['client', 'equipment_id', 'slice_end_key']) }}
