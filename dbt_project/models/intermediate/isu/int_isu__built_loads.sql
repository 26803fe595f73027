{{ config(materialized='table') }}

{% set tables = [
    'business_partners', 'partner_addresses', 'addresses', 'phones', 'emails', 'contract_accounts',
    'account_partners', 'functional_locations', 'location_addresses', 'connection_objects', 'premises',
    'installations', 'installation_slices', 'installation_supply_points', 'supply_points', 'contracts', 'equipments',
    'device_slices', 'installation_devices', 'device_registers', 'meter_readings', 'billing_documents',
    'billing_lines', 'billing_reading_lines', 'billing_print_lines', 'print_documents', 'print_document_lines',
    'payment_documents', 'open_items'
] %}

-- Built after every model that asks which loads it has seen (macros/loads.sql):
{% for table in tables %}
-- depends_on: {{ ref('int_isu__latest_' ~ table) }}
{% endfor %}

with final as (
    {% for table in tables %}
    select _load_sequence as load_sequence from {{ ref('stg_isu__' ~ table) }}
    {% if not loop.last %}union{% endif %}
    {% endfor %}
)

select * from final
