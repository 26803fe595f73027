{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['client', 'print_document_id', 'print_line_number'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_isu__print_document_lines'), ['client', 'print_document_id', 'print_line_number']) }}
