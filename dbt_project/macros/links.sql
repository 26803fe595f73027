{#-
    Whether an agreement's link to a point holds on the business date. CC&B stops a link when its last date begins, and
    the next may begin on it; SAP when its last date ends.
-#}
{% macro is_linked_today(items) -%}
    {{ items }}.start_date <= {{ as_of() }} and coalesce({{ first_day_after(items) }} > {{ as_of() }}, true)
{%- endmacro %}

{% macro first_day_after(items) -%}
    ({{ items }}.end_date + case {{ items }}.source_system when 'ISU' then 1 else 0 end)
{%- endmacro %}
