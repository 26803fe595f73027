{#-
    A model of the other domain, as it stands; nothing where that domain was never built in this warehouse.

    The two chains of a night are built apart, each from what it has, and either may be the first. `columns` are
    name and type of what is read. Within a build that holds both, the reference orders them as usual.
-#}
{% macro built_or_empty(model_relation, columns) -%}
    {%- if not execute or load_relation(model_relation) -%}
        select {{ columns.keys() | join(', ') }} from {{ model_relation }}
    {%- else -%}
        select {% for name, type in columns.items() %}null::{{ type }} as {{ name }}{{ ', ' if not loop.last }}{% endfor %} where false
    {%- endif -%}
{%- endmacro %}
