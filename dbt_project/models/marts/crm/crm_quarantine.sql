-- What keeps rows from the CRM, and what is worth knowing of rows that go out: every fault of every entity.
with faults as (
    {% for each in canonical_entities() %}
    select
        '{{ each.entity }}' as entity,
        {{ each.entity }}_key as external_id,
        {{ each.account or 'null' }}::varchar as billing_account_key,
        source_system,
        unnest(faults) as fault
    from {{ ref(each.model) }}
    where len(faults) > 0
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

named as (
    select
        concat_ws('|', entity, external_id, fault['code'], fault['field']) as quarantine_key,
        entity,
        external_id,
        billing_account_key,
        fault['code'] as finding_code,
        fault['field'] as field_name,
        fault['detail'] as detail,
        fault['is_blocking'] as is_blocking,
        source_system
    from faults
),

final as (
    select
        quarantine_key,
        entity,
        external_id,
        billing_account_key,

        finding_code,
        field_name,
        detail,
        is_blocking,
        source_system
    from named
    -- rows that share a key share its faults
    qualify row_number() over (partition by quarantine_key order by is_blocking desc, detail asc) = 1
)

select * from final
