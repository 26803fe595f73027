{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['client', 'connection_object_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_isu__connection_objects'), ['client', 'connection_object_id']) }}
