-- What of the windows of crm_usage_day and crm_usage_month is not in them. Counted, not listed: a point nobody knows
-- has one finding, not one a day.
with days as (
    select
        'usage_day' as entity,
        {{ external_id('MDM', 'UD', 'service_point_id', 'channel') }} as external_id,
        service_point_id,
        channel,
        unit,
        usage_date as period,
        is_main_unit
    from {{ ref('fct_usage_daily') }}
    where
        channel in ('delivered', 'received')
        and usage_date >= {{ as_of() }} - 90
        and usage_date < {{ as_of() }}
),

months as (
    select
        'usage_month' as entity,
        {{ external_id('MDM', 'UM', 'service_point_id', 'channel') }} as external_id,
        service_point_id,
        channel,
        unit,
        usage_month as period,
        is_main_unit
    from {{ ref('fct_usage_monthly') }}
    where
        channel in ('delivered', 'received')
        and usage_month >= date_trunc('month', {{ as_of() }}) - interval 24 month
        and usage_month <= {{ as_of() }}
),

points as (
    select * from {{ ref('int_usage__service_points') }}
),

periods as (
    select * from days
    union all
    select * from months
),

kept_back as (
    select
        periods.*,
        case when points.service_point_id is null then 'orphan' else 'duplicate_key' end as fault,
        case when points.service_point_id is null then 'service_point_key' else 'unit' end as field_name
    from periods
    left join points
        on periods.service_point_id = points.service_point_id
    where points.service_point_id is null or not periods.is_main_unit
),

counted as (
    select
        entity,
        service_point_id,
        entity || '.' || fault as finding_code,
        field_name,
        external_id,
        string_agg(distinct unit, ' ' order by unit) as detail,
        count(*) as row_count,
        min(period) as first_date,
        max(period) as last_date
    from kept_back
    group by all
),

final as (
    select
        concat_ws('|', entity, external_id, finding_code, field_name) as quarantine_key,
        entity,
        external_id,
        service_point_id,
        finding_code,
        field_name,
        detail,
        true as is_blocking,
        'MDM' as source_system,
        row_count,
        first_date,
        last_date
    from counted
)

select * from final
