{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['service_agreement_id', 'effective_date'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_ccb__agreement_rates'), ['service_agreement_id', 'effective_date']) }}
