{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['client', 'print_document_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_isu__print_documents'), ['client', 'print_document_id']) }}
