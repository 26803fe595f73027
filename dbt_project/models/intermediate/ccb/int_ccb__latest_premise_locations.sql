{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['premise_id', 'geo_type_code'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_ccb__premise_locations'), ['premise_id', 'geo_type_code']) }}
