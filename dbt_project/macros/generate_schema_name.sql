{#- Schemas are named for the layer, the same in every deployment: staging, intermediate, marts, code_lists. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
