{#-
    The house number of a street address, and the street without it; null and the whole where it has none. It comes
    first, as in the United States ('12 1/2 Elm Ter', '14-B Main St'), or last.
-#}
{% macro house_number(street, is_first=true) -%}
    {%- set number = '\\d+(?:\\s*[-/]\\s*\\d+)?(?:-?[A-Za-z])?(?:\\s+\\d/\\d)?' -%}
    {%- if is_first -%}
        nullif(regexp_extract({{ street }}, '^({{ number }})\s+\S', 1), '')
    {%- else -%}
        nullif(regexp_extract({{ street }}, '\S\s+({{ number }})$', 1), '')
    {%- endif -%}
{%- endmacro %}

{% macro street_name(street, is_first=true) -%}
    {%- if is_first -%}
        trim(substr({{ street }}, 1 + coalesce(length({{ house_number(street, true) }}), 0)))
    {%- else -%}
        trim(left({{ street }}, length({{ street }}) - coalesce(length({{ house_number(street, false) }}), 0)))
    {%- endif -%}
{%- endmacro %}
