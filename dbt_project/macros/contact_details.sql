{#-
    An e-mail address as the CRM accepts it, else null: it refuses a whole row for one malformed address. Canonical
    models pass on what the source says, trimmed; int_canonical__parties checks it once for both systems and reports.
-#}
{% macro email_value(column) -%}
    {%- set atom = "[A-Za-z0-9!#$%&''*+/=?^_`{|}~-]+" -%}
    {%- set label = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?" -%}
    case
        when
            length({{ column }}) <= 80
            and regexp_full_match({{ column }}, '{{ atom }}(\.{{ atom }})*@({{ label }}\.)+[A-Za-z]{2,}')
            then {{ column }}
    end
{%- endmacro %}

{#-
    A telephone number in E.164 (+15855550101), else null. A number without a country is of the variable
    `phone_country_code` and has `phone_national_digits` digits; an extension at the end is left away. What is in E.164
    already stays as it is.
-#}
{% macro e164(column) -%}
    {%- set country, digits = var('phone_country_code'), var('phone_national_digits') -%}
    {%- set spoken = "regexp_replace(" ~ column ~ ", '\\s*(ext\\.?|x)\\s*[0-9]+$', '', 'i')" -%}
    {%- set number = "regexp_replace(" ~ spoken ~ ", '[^0-9+]', '', 'g')" -%}
    case
        when not regexp_full_match({{ spoken }}, '[0-9+(). /-]+') then null
        when regexp_full_match({{ number }}, '\+[1-9][0-9]{7,14}') then {{ number }}
        when regexp_full_match({{ number }}, '{{ country }}[0-9]{ {{- digits -}} }') then '+' || {{ number }}
        when regexp_full_match({{ number }}, '[0-9]{ {{- digits -}} }') then '+{{ country }}' || {{ number }}
    end
{%- endmacro %}
