{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['client', 'installation_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_isu__installations'), ['client', 'installation_id']) }}
