{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['person_id', 'name_sequence'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_ccb__person_names'), ['person_id', 'name_sequence']) }}
