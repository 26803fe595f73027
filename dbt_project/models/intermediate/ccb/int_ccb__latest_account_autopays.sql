{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['autopay_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_ccb__account_autopays'), ['autopay_id']) }}
