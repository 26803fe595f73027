{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['client', 'document_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_isu__payment_documents'), ['client', 'document_id']) }}
