{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['client', 'location_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_isu__location_addresses'), ['client', 'location_id']) }}
