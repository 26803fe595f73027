-- A view: it is fct_usage_monthly of 24 months and the running one under the CRM's keys.
{{ config(materialized='view') }}

with months as (
    select *
    from {{ ref('fct_usage_monthly') }}
    where
        channel in ('delivered', 'received')
        and is_main_unit
        and usage_month >= date_trunc('month', {{ as_of() }}) - interval 24 month
        and usage_month <= {{ as_of() }}
),

points as (
    select * from {{ ref('int_usage__service_points') }}
),

known_points as (
    select * from {{ ref('int_usage__known_points') }}
),

final as (
    select
        {{ external_id(
            'MDM', 'UM', 'months.service_point_id', 'months.channel', "strftime(months.usage_month, '%Y%m')"
        ) }} as usage_month_key,
        points.service_point_key,
        months.service_point_id,
        months.channel,
        months.usage_month,
        months.unit,

        months.usage_quantity,
        months.days_present,
        months.days_expected,
        months.is_partial,
        months.reads_expected,
        months.reads_received,
        months.reads_estimated + months.reads_substituted as reads_estimated,
        months.reads_missing,

        months.last_updated_at,
        greatest(months.through_sequence, known_points.known_since_sequence) as through_sequence
    from months
    inner join points
        on months.service_point_id = points.service_point_id
    left join known_points
        on months.service_point_id = known_points.service_point_id
)

select * from final
