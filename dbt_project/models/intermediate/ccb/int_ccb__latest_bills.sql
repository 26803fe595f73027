{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['bill_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_ccb__bills'), ['bill_id']) }}
