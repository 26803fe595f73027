{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['client', 'partner_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_isu__business_partners'), ['client', 'partner_id']) }}
