{#-
    The canonical entities of the customer picture that rows can be quarantined from: name, model and, where its rows
    belong to one, the column of the billing account. In load order: a parent stands before its children. `<name>_key`
    is the key. The mart crm_quarantine unites their faults.
-#}
{% macro canonical_entities() -%}
    {{ return([
    ]) }}
{%- endmacro %}

{#-
    The rows of an entity from every customer information system: `int_<system>__canonical_<name>` have the same columns.
    A system a deployment does not use has no rows.
-#}
{% macro canonical_rows(name, systems=['ccb', 'isu']) -%}
    {% for system in systems -%}
    select * from {{ ref('int_' ~ system ~ '__canonical_' ~ name) }}
    {%- if not loop.last %}
    union all by name
    {% endif -%}
    {%- endfor -%}
{%- endmacro %}
