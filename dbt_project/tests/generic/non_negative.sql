{#- A count below zero is a fault in the making of it. -#}
{% test non_negative(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
where least({{ columns | join(', ') }}) < 0
{% endtest %}
