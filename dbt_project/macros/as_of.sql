{#-
    The night's business date, what a model means by today: the platform puts it into `lake.build_scope`. Never the
    clock, so that a night run again gives the same rows.
-#}
{% macro as_of() -%}
    (select as_of from {{ source('lake', 'build_scope') }})
{%- endmacro %}

{#- First day of the month twelve months before: bills and payments of earlier days are not part of the picture. -#}
{% macro twelve_months_back() -%}
    (select (date_trunc('month', as_of) - interval 12 month)::date from {{ source('lake', 'build_scope') }})
{%- endmacro %}
