{#-
    The canonical entities of the customer picture that rows can be quarantined from: name, model and, where its rows
    belong to one, the column of the billing account. In load order: a parent stands before its children. `<name>_key`
    is the key. The mart crm_quarantine unites their faults.
-#}
{% macro canonical_entities() -%}
    {{ return([
        {'entity': 'party', 'model': 'int_canonical__parties'},
        {'entity': 'contact', 'model': 'int_canonical__contacts'},
        {'entity': 'billing_account', 'model': 'int_canonical__billing_accounts', 'account': 'billing_account_key'},
        {'entity': 'account_role', 'model': 'int_canonical__account_roles', 'account': 'billing_account_key'},
        {'entity': 'product', 'model': 'int_canonical__products'},
        {'entity': 'premise', 'model': 'int_canonical__premises'},
        {'entity': 'service_point', 'model': 'int_canonical__service_points', 'account': 'billing_account_key'},
        {'entity': 'device', 'model': 'int_canonical__devices'},
        {'entity': 'device_install', 'model': 'int_canonical__device_installs'},
        {
            'entity': 'service_agreement',
            'model': 'int_canonical__service_agreements',
            'account': 'billing_account_key'
        },
        {'entity': 'agreement_item', 'model': 'int_canonical__agreement_items', 'account': 'billing_account_key'},
        {'entity': 'bill', 'model': 'int_canonical__bills', 'account': 'billing_account_key'},
        {'entity': 'bill_service', 'model': 'int_canonical__bill_services', 'account': 'billing_account_key'},
        {'entity': 'payment', 'model': 'int_canonical__payments', 'account': 'billing_account_key'}
    ]) }}
{%- endmacro %}

{#-
    The rows of an entity from every customer information system: `int_<system>__canonical_<name>` have the same columns.
    A system a deployment does not use has no rows.
-#}
{% macro canonical_rows(name) -%}
    select * from {{ ref('int_ccb__canonical_' ~ name) }}
    union all by name
    select * from {{ ref('int_isu__canonical_' ~ name) }}
{%- endmacro %}
