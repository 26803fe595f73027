{#- The date an instant (UTC) has on the utility's own calendar: when a contract began, when a meter was set. -#}
{% macro local_date(instant) -%}
    timezone('{{ env_var("NIGHTWATT_ZONE", "America/New_York") }}', timezone('UTC', {{ instant }}))::date
{%- endmacro %}
