{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['payment_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_ccb__payments'), ['payment_id']) }}
