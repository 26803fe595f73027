{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['client', 'address_id', 'valid_from_key'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_isu__addresses'), ['client', 'address_id', 'valid_from_key']) }}
