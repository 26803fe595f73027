{#-
    External ids: `<system>|<object>|<native key>`, the key the customer picture has for life.

    `external_id('CCB', 'PER', 'person_id')` is `CCB|PER|` and the person's id; more key parts follow one another. A part
    that is null makes no key. Parts are text at full width, and only what never changes: of a slice its first day
    (AB), never its last (BIS). For 'ISU' the expression of the client can be given where a join has two:
    `external_id('ISU', 'BP', 'partners.partner_id', client='partners.client')`.
-#}
{% macro external_id(system, object) -%}
    {%- if varargs | length == 0 -%}
        {{ exceptions.raise_compiler_error('external_id(' ~ system ~ ', ' ~ object ~ ') has no key: name at least one column') }}
    {%- endif -%}
    {%- set client = kwargs.get('client', 'client') -%}
    {%- set prefix = isu_system(client) if system == 'ISU' else "'" ~ system ~ "'" -%}
    ({{ prefix }} || '|{{ object }}'{% for part in varargs %} || '|' || {{ part }}{% endfor %})
{%- endmacro %}

{#-
    How keys of SAP IS-U begin: `ISU`, or `ISU<client>` where more than one client feeds the platform (the variable
    `isu_prefix_with_client`). To be decided before the first delivery: keys are for life.
-#}
{% macro isu_system(client='client') -%}
    {%- if var('isu_prefix_with_client') -%}
        ('ISU' || {{ client }})
    {%- else -%}
        'ISU'
    {%- endif -%}
{%- endmacro %}
