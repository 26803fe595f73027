{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['contact_detail_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_ccb__person_contacts'), ['contact_detail_id']) }}
