{#- Oracle CHAR: blank padded, and an empty one is a run of blanks. -#}
{% macro text_value(column) -%}
    nullif(trim({{ column }}), '')
{%- endmacro %}

{#- Oracle switches are 'Y' and 'N'; anything else is not known. -#}
{% macro switch_value(column) -%}
    case trim({{ column }}) when 'Y' then true when 'N' then false end
{%- endmacro %}
