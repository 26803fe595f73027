{#-
    The last day a CC&B bill segment bills: END_DT is the day of the next read, which the next bill begins with, unless the
    variable `ccb_end_date_is_billed` is 1. SAP's ENDABRPE is the last day itself.
-#}
{% macro last_billed_day(start_date, end_date) -%}
    {%- if var('ccb_end_date_is_billed') == 1 -%}
        {{ end_date }}
    {%- else -%}
        case when {{ end_date }} > {{ start_date }} then {{ end_date }} - 1 else {{ end_date }} end
    {%- endif -%}
{%- endmacro %}
