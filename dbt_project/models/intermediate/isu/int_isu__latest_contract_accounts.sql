{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['client', 'account_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_isu__contract_accounts'), ['client', 'account_id']) }}
