{#-
    What is wrong with a row, as a list that is empty where nothing is: the last column of every int_canonical model.

    Each check says `when` (a condition), `code` (`<entity>.<what>`), `field` (the column that is at fault), and may say
    `detail` (SQL text: codes and ids, never names, addresses or amounts) and `blocks` (true unless said: a row with a
    blocking fault is kept from the CRM; otherwise it goes out, and the fault is reported). With `entity`, the codes
    that no list in seeds/ knows, named by the canonical models in `unknown_codes` as `<field>=<code>`, are faults too; those
of the fields in `warns` do not block.
-#}
{% macro faults(checks, entity=none, unknown_codes='unknown_codes', warns=[]) -%}
    (
        list_filter(
            [
                {%- for check in checks %}
                case
                    when {{ check.when }}
                        then {
                            'code': '{{ check.code }}',
                            'field': '{{ check.field }}',
                            'detail': {{ check.detail | default('null') }}::varchar,
                            'is_blocking': {{ 'true' if check.blocks | default(true) else 'false' }}
                        }
                end{{ ',' if not loop.last }}
                {%- endfor %}
            ]::{{ faults_type() }},
            lambda fault: fault is not null
        )
        {%- if entity %}
        || list_transform(
            {{ unknown_codes }},
            lambda unknown: {
                'code': '{{ entity }}.unknown_code',
                'field': split_part(unknown, '=', 1),
                'detail': substr(unknown, instr(unknown, '=') + 1),
                'is_blocking': {% if warns %}split_part(unknown, '=', 1) not in ('{{ warns | join("', '") }}'){% else %}true{% endif %}
            }
        )::{{ faults_type() }}
        {%- endif %}
    )
{%- endmacro %}

{% macro faults_type() -%}
    struct(code varchar, field varchar, detail varchar, is_blocking boolean)[]
{%- endmacro %}

{#- Whether the CRM may have a row: no fault of it blocks. -#}
{% macro is_good(faults='faults') -%}
    (len(list_filter({{ faults }}, lambda fault: fault['is_blocking'])) = 0)
{%- endmacro %}

{#-
    `<field>=<code>` of every code that is there but in no list: the last column of the canonical models of both
    systems. `codes` is a list of {'field': .., 'code': <sql of the raw code>, 'meaning': <sql of what the list says>}.
-#}
{% macro unknown_codes(codes) -%}
    list_filter(
        [
            {%- for each in codes %}
            case when {{ each.code }} is not null and {{ each.meaning }} is null then '{{ each.field }}=' || {{ each.code }} end
            {{- ',' if not loop.last }}
            {%- endfor %}
        ]::varchar[],
        lambda unknown: unknown is not null
    )
{%- endmacro %}
