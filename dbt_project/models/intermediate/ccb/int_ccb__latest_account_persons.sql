{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['account_id', 'person_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_ccb__account_persons'), ['account_id', 'person_id']) }}
