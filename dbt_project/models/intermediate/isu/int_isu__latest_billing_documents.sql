{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['client', 'billing_document_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_isu__billing_documents'), ['client', 'billing_document_id']) }}
