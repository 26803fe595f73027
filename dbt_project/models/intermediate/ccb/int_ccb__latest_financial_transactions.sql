{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['financial_transaction_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_ccb__financial_transactions'), ['financial_transaction_id']) }}
