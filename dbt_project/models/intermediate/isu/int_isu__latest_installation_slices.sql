{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['client', 'installation_id', 'slice_end_key'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_isu__installation_slices'), ['client', 'installation_id', 'slice_end_key']) }}
