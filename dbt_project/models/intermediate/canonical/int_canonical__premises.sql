-- Parents are walked up a bounded number of steps: who has not come to an end by then is in a circle or below one.
{% set highest = 20 %}
with recursive premises as (
    {{ canonical_rows('premises') | indent(4) }}
),

counted as (
    select
        *,
        count(*) over (partition by premise_key) as key_count
    from premises
),

edges as (
    select
        premise_key,
        parent_premise_key
    from premises
    where parent_premise_key is not null
),

-- One step up at a time, for those only that have a parent: most have none, or one whose parent has none.
walks (premise_key, ancestor_key, steps) as (
    select
        premise_key,
        parent_premise_key as ancestor_key,
        1 as steps
    from edges

    union

    select
        walks.premise_key,
        edges.parent_premise_key as ancestor_key,
        walks.steps + 1 as steps
    from walks
    inner join edges
        on walks.ancestor_key = edges.premise_key
    where walks.steps <= {{ highest }}
),

keys as (
    select distinct premise_key from premises
),

endless as (
    select distinct premise_key
    from walks
    where steps > {{ highest }}
),

checked as (
    select
        counted.*,
        counted.parent_premise_key is not null and parents.premise_key is null as is_orphan,
        endless.premise_key is not null as is_endless
    from counted
    left join keys as parents
        on counted.parent_premise_key = parents.premise_key
    left join endless
        on counted.premise_key = endless.premise_key
),

judged as (
    select
        * exclude (key_count, is_orphan, is_endless, unknown_codes),
        {{ faults([
            {'when': 'key_count > 1', 'code': 'premise.duplicate_key', 'field': 'premise_key'},
            {'when': 'is_orphan', 'code': 'premise.orphan', 'field': 'parent_premise_key', 'detail': 'parent_premise_key'},
            {'when': 'is_endless', 'code': 'premise.parent_cycle', 'field': 'parent_premise_key', 'detail': 'parent_premise_key'}
        ], entity='premise') }} as faults
    from checked
),

-- A parent the CRM may not have takes everything below with it, however deep: the CRM would refuse it.
below_faulty as (
    select
        walks.premise_key,
        min(walks.ancestor_key) as ancestor_key
    from walks
    inner join judged
        on walks.ancestor_key = judged.premise_key
    where not {{ is_good('judged.faults') }}
    group by walks.premise_key
),

final as (
    select
        judged.* exclude (faults),
        case
            when below_faulty.premise_key is null or not {{ is_good('judged.faults') }} then judged.faults
            else
                judged.faults
                || {{ faults([
                    {'when': 'true', 'code': 'premise.orphan', 'field': 'parent_premise_key', 'detail': 'below_faulty.ancestor_key'}
                ]) }}
        end as faults
    from judged
    left join below_faulty
        on judged.premise_key = below_faulty.premise_key
)

select * from final
