{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['client', 'document_id', 'repetition_number', 'item_number', 'partial_item_number'],
    on_schema_change='fail'
) }}

{{ latest_rows(
    ref('stg_isu__open_items'),
    ['client', 'document_id', 'repetition_number', 'item_number', 'partial_item_number']
) }}
