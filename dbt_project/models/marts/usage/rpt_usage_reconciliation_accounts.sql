-- Rows of the windows that the CRM is to have, counted where they are made, beside what is published and kept back.
with sources as (
    select
        'usage_day' as entity,
        service_point_id,
        count(*) as row_count
    from {{ ref('fct_usage_daily') }}
    where
        channel in ('delivered', 'received')
        and usage_date between {{ as_of() }} - 90 and {{ as_of() }} - 1
    group by service_point_id
    union all
    select
        'usage_month' as entity,
        service_point_id,
        count(*) as row_count
    from {{ ref('fct_usage_monthly') }}
    where
        channel in ('delivered', 'received')
        and usage_month between date_trunc('month', {{ as_of() }}) - interval 24 month and {{ as_of() }}
    group by service_point_id
),

published as (
    select
        'usage_day' as entity,
        service_point_id,
        count(*) as row_count
    from {{ ref('crm_usage_day') }}
    group by service_point_id
    union all
    select
        'usage_month' as entity,
        service_point_id,
        count(*) as row_count
    from {{ ref('crm_usage_month') }}
    group by service_point_id
),

quarantined as (
    select
        entity,
        service_point_id,
        sum(row_count) as row_count
    from {{ ref('crm_usage_quarantine') }}
    group by entity, service_point_id
),

final as (
    select
        'MDM' as source_system,
        entity,
        'rows' as measure,
        service_point_id as native_id,
        coalesce(sources.row_count, 0)::decimal(28, 2) as source_value,
        coalesce(published.row_count, 0)::decimal(28, 2) as published_value,
        coalesce(quarantined.row_count, 0)::decimal(28, 2) as quarantined_value
    from sources
    full outer join published
        using (entity, service_point_id)
    full outer join quarantined
        using (entity, service_point_id)
)

select * from final
