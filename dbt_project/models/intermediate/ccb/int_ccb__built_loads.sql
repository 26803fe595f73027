{{ config(materialized='table') }}

-- Built after every model that asks which loads it has seen (macros/loads.sql):
{% for model in [
    'int_ccb__latest_persons', 'int_ccb__latest_person_names', 'int_ccb__latest_accounts',
    'int_ccb__latest_account_persons', 'int_ccb__latest_premises', 'int_ccb__latest_service_points',
    'int_ccb__latest_meters', 'int_ccb__latest_meter_configurations', 'int_ccb__latest_meter_installs',
    'int_ccb__latest_service_agreements', 'int_ccb__latest_service_agreement_types',
    'int_ccb__latest_agreement_service_points', 'int_ccb__latest_agreement_rates', 'int_ccb__latest_person_contacts',
    'int_ccb__latest_account_autopays', 'int_ccb__latest_premise_locations', 'int_ccb__latest_bills',
    'int_ccb__latest_bill_segments', 'int_ccb__latest_bill_segment_quantities',
    'int_ccb__latest_financial_transactions', 'int_ccb__latest_payments', 'fct_bills'
] %}
-- depends_on: {{ ref(model) }}
{% endfor %}

{% set tables = [
    'persons', 'person_names', 'accounts', 'account_persons', 'premises', 'service_points', 'meters',
    'meter_configurations', 'meter_installs', 'service_agreements', 'service_agreement_types',
    'agreement_service_points', 'agreement_rates', 'person_contacts', 'account_autopays', 'premise_locations', 'bills',
    'bill_segments', 'bill_segment_quantities', 'financial_transactions', 'payments'
] %}

with final as (
    {% for table in tables %}
    select _load_sequence as load_sequence from {{ ref('stg_ccb__' ~ table) }}
    {% if not loop.last %}union{% endif %}
    {% endfor %}
)

select * from final
