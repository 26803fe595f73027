{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['client', 'partner_id', 'address_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_isu__partner_addresses'), ['client', 'partner_id', 'address_id']) }}
