{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['client', 'billing_document_id', 'billing_line_number'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_isu__billing_reading_lines'), ['client', 'billing_document_id', 'billing_line_number']) }}
