{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['service_agreement_id'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_ccb__service_agreements'), ['service_agreement_id']) }}
