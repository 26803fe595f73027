{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['client', 'functional_location_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_isu__functional_locations'), ['client', 'functional_location_id']) }}
