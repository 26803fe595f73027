{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['account_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_ccb__accounts'), ['account_id']) }}
