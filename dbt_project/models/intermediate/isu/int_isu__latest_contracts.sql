{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['client', 'contract_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_isu__contracts'), ['client', 'contract_id']) }}
