{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['client', 'reading_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_isu__meter_readings'), ['client', 'reading_id']) }}
