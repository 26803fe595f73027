{#- A quantity adds up to the same in two relations, group by group and to the last decimal. -#}
{% test sums_agree(model, quantity, other, other_quantity, by) %}
with mine as (
    select
        {{ by | join(', ') }},
        sum({{ quantity }}) as quantity
    from {{ model }}
    group by {{ by | join(', ') }}
),

theirs as (
    select
        {{ by | join(', ') }},
        sum({{ other_quantity }}) as quantity
    from {{ get_where_subquery(other) }}
    group by {{ by | join(', ') }}
)

select
    {% for column in by %}coalesce(mine.{{ column }}, theirs.{{ column }}) as {{ column }},
    {% endfor %}mine.quantity as quantity,
    theirs.quantity as other_quantity
from mine
full outer join theirs
    on {% for column in by %}mine.{{ column }} = theirs.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
where mine.quantity is distinct from theirs.quantity
{% endtest %}
