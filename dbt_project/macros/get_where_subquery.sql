{#-
    Tests of big tables look at what this build may have changed. `where: __touched_usage__` stands for the days, and
    `__touched_usage_months__` for the months, that the reads store touched; in a full refresh for everything.
    `where: __new_loads__` stands for the rows of a billing mart that this build made from new loads.
-#}
{% macro get_where_subquery(relation) -%}
    {%- set where = config.get('where') or '' -%}
    {%- if '__touched_usage' in where -%}
        {%- if flags.FULL_REFRESH -%}
            {%- set where = '' -%}
        {%- elif where == '__touched_usage__' -%}
            {%- set where = in_touched_dates('usage_date') -%}
        {%- else -%}
            {%- set where = in_touched_months(
                'usage_month' if relation.identifier in ['fct_usage_monthly', 'crm_usage_month'] else 'usage_date'
            ) -%}
        {%- endif -%}
    {%- endif -%}
    {%- if where == '__new_loads__' -%}
        {%- set where = '' if flags.FULL_REFRESH else 'through_sequence not in ' ~ built_loads() -%}
    {%- endif -%}
    {%- if where -%}
        (select * from {{ relation }} where {{ where }}) dbt_subquery
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{%- endmacro %}
