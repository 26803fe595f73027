{#-
    The last day that a period of CC&B covers. CC&B's end is a read date: whether that day still belongs to the period is
    the client's rule (variable `ccb_end_date_is_billed`); SAP's end is the last day itself, and so is the picture's. An
    end before the start stays as it is, to be seen.
-#}
{% macro last_day_of(start_date, end_date) -%}
    case
        when {{ end_date }} < {{ start_date }} then {{ end_date }}
        when {{ end_date }} is not null
            then greatest({{ end_date }} - 1 + {{ var('ccb_end_date_is_billed') }}, {{ start_date }})
    end
{%- endmacro %}
