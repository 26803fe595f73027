{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['client', 'equipment_id', 'register_number', 'slice_end_key'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_isu__device_registers'), ['client', 'equipment_id', 'register_number', 'slice_end_key']) }}
