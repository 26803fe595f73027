{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['bill_segment_id', 'unit_code'],
    on_schema_change='fail'
) }}

-- Time of use and identifier are mostly blank, and blanks join nothing: the rows of a segment and unit go together.
{{ latest_rows(
    ref('stg_ccb__bill_segment_quantities'),
    ['bill_segment_id', 'unit_code'],
    within=['time_of_use_code', 'quantity_identifier_code']
) }}
