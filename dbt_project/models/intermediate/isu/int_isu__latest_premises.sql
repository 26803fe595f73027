{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['client', 'premise_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_isu__premises'), ['client', 'premise_id']) }}
