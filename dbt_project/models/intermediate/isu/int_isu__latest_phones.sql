{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['client', 'address_id', 'sequence_number'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_isu__phones'), ['client', 'address_id', 'sequence_number']) }}
