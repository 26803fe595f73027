{#- A code that the code list does not know: its meaning stays null, and this says so. -#}
{% test known_code(model, column_name, to, field=none) %}
select
    codes.{{ column_name }},
    count(*) as row_count
from {{ model }} as codes
anti join {{ to }} as known
    on codes.{{ column_name }} = known.{{ field or column_name }}
where codes.{{ column_name }} is not null
group by codes.{{ column_name }}
{% endtest %}
