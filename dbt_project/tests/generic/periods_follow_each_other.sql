{#- Of one key no two periods hold at one instant: a question as of a date has one answer. -#}
{% test periods_follow_each_other(model, key) %}
select
    {{ key }},
    valid_from,
    valid_to
from (
    select
        *,
        lead(valid_from) over (partition by {{ key }} order by valid_from) as next_from
    from {{ model }}
) as periods
where valid_to <= valid_from or valid_to > next_from or (valid_to is null and next_from is not null)
{% endtest %}
