{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['meter_configuration_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_ccb__meter_configurations'), ['meter_configuration_id']) }}
