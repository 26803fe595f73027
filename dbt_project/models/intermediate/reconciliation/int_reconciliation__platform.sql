-- What became of the sources' rows: in a mart that the CRM gets, or kept from it by a fault that blocks.
{% set entities = reconciled_entities() %}
{% for entity in entities %}
{% for mart in entity.marts %}
-- depends_on: {{ ref(mart) }}
{% endfor %}
{% endfor %}

with totals as (
    {% for entity in entities %}
    {%- set sides = ['quarantined'] + entity.marts %}
    {%- for side in sides %}
    {%- set relation = ref('int_canonical__' ~ entity.model) if side == 'quarantined' else ref(side) %}
    {%- set measures = {'rows': none} %}
    {%- do measures.update(entity.amounts | default({})) %}
    {%- for measure, amount in measures.items() %}
    select
        source_system,
        '{{ entity.name }}' as entity,
        '{{ measure }}' as measure,
        {{ entity.by }} as native_id,
        {{ "'quarantined'" if side == 'quarantined' else "'published'" }} as side,
        {{ 'count(*)' if amount is none else 'coalesce(sum(' ~ amount ~ '), 0)' }}::decimal(28, 2) as amount
    from {{ relation }}
    {%- if side == 'quarantined' %}
    where not {{ is_good() }}
    {%- endif %}
    group by all
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
),

final as (
    select
        source_system,
        entity,
        measure,
        coalesce(native_id, '?') as native_id,
        coalesce(sum(amount) filter (where side = 'published'), 0)::decimal(28, 2) as published_amount,
        coalesce(sum(amount) filter (where side = 'quarantined'), 0)::decimal(28, 2) as quarantined_amount
    from totals
    -- rows of the platform's own (the utility as owner, default products) come from no source
    where source_system <> 'SYS'
    group by all
)

select * from final
