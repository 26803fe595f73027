{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['division_code', 'agreement_type_code'],
    on_schema_change='fail'
) }}

{{ latest_rows(ref('stg_ccb__service_agreement_types'), ['division_code', 'agreement_type_code']) }}
