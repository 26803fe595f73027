-- A view: it is fct_usage_daily of the last 90 days under the CRM's keys, and costs nothing until it is published.
{{ config(materialized='view') }}

with days as (
    select *
    from {{ ref('fct_usage_daily') }}
    where
        channel in ('delivered', 'received')
        and is_main_unit
        and usage_date >= {{ as_of() }} - 90
        and usage_date < {{ as_of() }}
),

points as (
    select * from {{ ref('int_usage__service_points') }}
),

known_points as (
    select * from {{ ref('int_usage__known_points') }}
),

final as (
    select
        {{ external_id('MDM', 'UD', 'days.service_point_id', 'days.channel', "strftime(days.usage_date, '%Y%m%d')") }}
            as usage_day_key,
        points.service_point_key,
        days.service_point_id,
        days.channel,
        days.usage_date,
        days.unit,

        days.usage_quantity,
        days.peak_interval_quantity,
        days.peak_interval_at,
        days.reads_expected,
        days.reads_received,
        days.reads_estimated + days.reads_substituted as reads_estimated,
        days.reads_missing,
        case
            when days.reads_received = 0 then 'missing'
            when days.reads_estimated + days.reads_substituted > 0 then 'estimated'
            else 'actual'
        end as quality_class,

        days.first_read_at,
        days.last_read_at,
        days.last_updated_at,
        greatest(days.through_sequence, known_points.known_since_sequence) as through_sequence
    from days
    inner join points
        on days.service_point_id = points.service_point_id
    left join known_points
        on days.service_point_id = known_points.service_point_id
)

select * from final
