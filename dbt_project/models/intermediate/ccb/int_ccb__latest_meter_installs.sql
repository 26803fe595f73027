{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['meter_install_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_ccb__meter_installs'), ['meter_install_id']) }}
