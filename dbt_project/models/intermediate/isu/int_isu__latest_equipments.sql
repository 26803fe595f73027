{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['client', 'equipment_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_isu__equipments'), ['client', 'equipment_id']) }}
