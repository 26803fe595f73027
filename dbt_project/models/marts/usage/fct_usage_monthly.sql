{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ remove_touched_months() }}"
) }}

with daily as (
    select
        *,
        date_trunc('month', usage_date)::date as usage_month
    from {{ ref('fct_usage_daily') }}
    {% if is_incremental() %}
    where {{ in_touched_months('usage_date') }}
    {% endif %}
),

{% if is_incremental() %}
touched as (
    select
        service_point_id,
        channel,
        date_trunc('month', read_date)::date as usage_month
    from {{ source('lake', 'touched_reads') }}
),

chosen as (
    select daily.*
    from daily
    semi join touched
        on
            daily.service_point_id = touched.service_point_id
            and daily.channel = touched.channel
            and daily.usage_month = touched.usage_month
),
{% else %}
chosen as (
    select * from daily
),
{% endif %}

rolled_up as (
    select
        service_point_id,
        channel,
        usage_month,
        unit,
        min(commodity) as commodity,
        min(zone) as zone,
        sum(usage_quantity) as usage_quantity,
        max(
            case
                when peak_interval_quantity is not null
                    then row(peak_interval_quantity, -epoch_us(peak_interval_at))
            end
        ) as peak,
        count(*) filter (where reads_received > 0) as days_present,
        count(*) filter (where is_main_unit) as days_led,
        sum(reads_received) as reads_received,
        sum(reads_expected) as reads_expected,
        sum(reads_estimated) as reads_estimated,
        sum(reads_substituted) as reads_substituted,
        sum(reads_missing) as reads_missing,
        min(first_read_at) as first_read_at,
        max(last_read_at) as last_read_at,
        max(last_updated_at) as last_updated_at,
        max(through_sequence) as through_sequence
    from chosen
    group by service_point_id, channel, usage_month, unit
),

shared_months as (
    select
        service_point_id,
        channel,
        usage_month,
        max(row(days_led, reads_expected, unit))[3] as main_unit
    from rolled_up
    group by service_point_id, channel, usage_month
    having count(*) > 1
),

final as (
    select
        rolled_up.service_point_id,
        rolled_up.channel,
        rolled_up.usage_month,
        rolled_up.unit,
        commodity,
        zone,
        coalesce(shared_months.main_unit = rolled_up.unit, true) as is_main_unit,
        usage_quantity::decimal(28, 8) as usage_quantity,
        peak[1]::decimal(18, 8) as peak_interval_quantity,
        make_timestamp(-peak[2]) as peak_interval_at,
        days_present::integer as days_present,
        extract('day' from last_day(rolled_up.usage_month))::integer as days_expected,
        days_present < extract('day' from last_day(rolled_up.usage_month)) as is_partial,
        reads_received::integer as reads_received,
        reads_expected::integer as reads_expected,
        reads_estimated::integer as reads_estimated,
        reads_substituted::integer as reads_substituted,
        reads_missing::integer as reads_missing,
        first_read_at,
        last_read_at,
        last_updated_at,
        through_sequence
    from rolled_up
    left join shared_months
        on
            rolled_up.service_point_id = shared_months.service_point_id
            and rolled_up.channel = shared_months.channel
            and rolled_up.usage_month = shared_months.usage_month
)

select * from final
