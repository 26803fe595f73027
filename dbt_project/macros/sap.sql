{#-
    SAP's ways of writing, read in one place. Ids are text at full width; dates are DATS, eight digits.

    A DATS is a date, or no day: blank, 00000000 (none), 99991231 (open end). Where an open end must be told from
    none, `is_open_dats` says so.
-#}
{% macro dats(column) -%}
    case
        when length(trim({{ column }})) = 8 and trim({{ column }}) <> '99991231'
            then try_strptime(trim({{ column }}), '%Y%m%d')::date
    end
{%- endmacro %}

{% macro is_open_dats(column) -%}
    coalesce(trim({{ column }}) = '99991231', false)
{%- endmacro %}

{#-
    `<column>=<text>` of every DATS that is neither a date nor no day, as the canonical models name unknown codes: what
    cannot be read is reported, not taken for none. `dates` is staging column to source column.
-#}
{% macro unread_dats(dates) -%}
    list_filter(
        [
            {%- for name, column in dates.items() %}
            case
                when
                    nullif(trim({{ column }}), '') not in ('00000000', '99991231')
                    and {{ dats(column) }} is null
                    then '{{ name }}=' || trim({{ column }})
            end{{ ',' if not loop.last }}
            {%- endfor %}
        ]::varchar[],
        lambda unread: unread is not null
    )
{%- endmacro %}

{#- A switch is set by any sign ('X' as a rule) and blank otherwise. -#}
{% macro sap_flag(column) -%}
    coalesce(trim({{ column }}) <> '', false)
{%- endmacro %}

{#- A quantity in two fields, before and after the decimal sign (V_..., N_...), is their sum. -#}
{% macro split_decimal(whole, fraction) -%}
    (case when coalesce({{ whole }}, {{ fraction }}) is not null then coalesce({{ whole }}, 0) + coalesce({{ fraction }}, 0) end)::decimal(32, 14)
{%- endmacro %}

{#- Delta extracts mark what was deleted; full ones mark nothing. -#}
{% macro is_sap_deletion(column) -%}
    coalesce(trim({{ column }}) = 'D', false)
{%- endmacro %}

{#- Whether a time slice runs today: both its first day (AB) and its last (BIS) are days of it. `of` names the relation. -#}
{% macro runs_today(of='') -%}
    {%- set prefix = of ~ '.' if of else '' -%}
    (
        coalesce({{ prefix }}slice_start_date <= {{ as_of() }}, true)
        and coalesce({{ prefix }}slice_end_date >= {{ as_of() }}, true)
    )
{%- endmacro %}
