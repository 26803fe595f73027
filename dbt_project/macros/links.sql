{#- Whether an agreement's link to a point holds on the business date; its end is its last day, in every system. -#}
{% macro is_linked_today(items) -%}
    {{ items }}.start_date <= {{ as_of() }} and coalesce({{ items }}.end_date >= {{ as_of() }}, true)
{%- endmacro %}
