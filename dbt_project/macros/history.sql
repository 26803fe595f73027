{#-
    Who was what, when: every version of a key that any file brought, as periods that follow one another.

    A version holds from the moment the source changed it (`last_updated_at`, UTC; a version without one is the oldest)
    until the next begins. Of versions with one moment the newest receipt counts, as everywhere. So a version that
    arrives late takes its place in the past, and nothing depends on the order of arrival. Versions that change none of
    `attributes` are one period. `is_deleted`, where a source says so, ends a period; SAP writes a slice anew by deleting
    and inserting, so of one file's versions of a moment one that is there counts before one that is gone.
-#}
{% macro beginning_of_time() -%}
    timestamp '1900-01-01 00:00:00'
{%- endmacro %}

{% macro periods_of(versions, key, attributes, is_deleted='false') -%}
    select
        {% for column in key + attributes %}{{ column }},
        {% endfor %}valid_from,
        valid_to,
        through_sequence
    from (
        select
            *,
            lead(valid_from) over (partition by {{ key | join(', ') }} order by valid_from) as valid_to
        from (
            select
                *,
                row({{ attributes | join(', ') }}, is_gone) as content,
                lag(row({{ attributes | join(', ') }}, is_gone)) over (
                    partition by {{ key | join(', ') }} order by valid_from
                ) as content_before
            from (
                select
                    {% for column in key + attributes %}{{ column }},
                    {% endfor %}coalesce({{ is_deleted }}, false) as is_gone,
                    coalesce(last_updated_at, {{ beginning_of_time() }}) as valid_from,
                    _load_sequence as through_sequence
                from {{ versions }}
                qualify row_number() over (
                    partition by {{ key | join(', ') }}, coalesce(last_updated_at, {{ beginning_of_time() }})
                    order by _receipt_id desc, is_gone, _load_sequence desc, _source_row desc
                ) = 1
            )
        )
        where content is distinct from content_before
    )
    where not is_gone
{%- endmacro %}

{#- Whether a period holds at an instant: it begins with it, and ends before its end. -#}
{% macro is_valid_at(period, instant) -%}
    {{ period }}.valid_from <= {{ instant }} and coalesce({{ instant }} < {{ period }}.valid_to, true)
{%- endmacro %}

{#- The periods of an entity from every customer information system. -#}
{% macro history_rows(name, systems=['ccb', 'isu']) -%}
    {% for system in systems -%}
    select * from {{ ref('int_' ~ system ~ '__history_' ~ name) }}
    {%- if not loop.last %}
    union all by name
    {% endif -%}
    {%- endfor -%}
{%- endmacro %}
