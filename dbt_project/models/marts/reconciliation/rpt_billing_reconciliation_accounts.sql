with sources as (
    select * from {{ ref('int_reconciliation__ccb_source') }}
    union all
    select * from {{ ref('int_reconciliation__isu_source') }}
),

source_totals as (
    select
        source_system,
        entity,
        measure,
        native_id,
        sum(amount) as amount
    from sources
    group by all
),

platform as (
    select
        -- two clients of one SAP are one source here
        left(source_system, 3) as source_system,
        entity,
        measure,
        native_id,
        sum(published_amount) as published_amount,
        sum(quarantined_amount) as quarantined_amount
    from {{ ref('int_reconciliation__platform') }}
    group by all
),

final as (
    select
        source_system,
        entity,
        measure,
        native_id,
        coalesce(source_totals.amount, 0)::decimal(28, 2) as source_value,
        coalesce(platform.published_amount, 0)::decimal(28, 2) as published_value,
        coalesce(platform.quarantined_amount, 0)::decimal(28, 2) as quarantined_value
    from source_totals
    full outer join platform
        using (source_system, entity, measure, native_id)
)

select * from final
