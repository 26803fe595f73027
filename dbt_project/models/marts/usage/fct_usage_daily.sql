{{ config(
    materialized='incremental',
    incremental_strategy='append',
    pre_hook="{{ remove_touched_days() }}"
) }}

with reads as (
    select *
    from {{ ref('stg_mdm__interval_reads') }}
    {% if is_incremental() %}
    where {{ in_touched_dates('usage_date') }}
    {% endif %}
),

{% if is_incremental() %}
touched as (
    select
        service_point_id,
        channel,
        read_date as usage_date
    from {{ source('lake', 'touched_reads') }}
),

chosen as (
    select reads.*
    from reads
    semi join touched
        on
            reads.service_point_id = touched.service_point_id
            and reads.channel = touched.channel
            and reads.usage_date = touched.usage_date
),
{% else %}
chosen as (
    select * from reads
),
{% endif %}

local_days as (
    select * from {{ source('lake', 'local_days') }}
),

-- One pass over the reads. The peak is the greatest (value, earlier start), so that equal values have one answer.
rolled_up as (
    select
        service_point_id,
        channel,
        usage_date,
        unit,
        min(commodity) as commodity,
        min(zone) as zone,
        min(interval_min) as shortest_min,
        max(interval_min) as longest_min,
        sum(interval_min) as stamped_min,
        sum(value) as usage_quantity,
        max(row(value, -epoch_us(interval_start_at))) filter (where value is not null) as peak,
        count(*) as rows_stamped,
        count(value) as reads_received,
        count(*) filter (where quality = 'estimated') as reads_estimated,
        count(*) filter (where quality = 'substituted') as reads_substituted,
        min(interval_start_at) filter (where value is not null) as first_read_at,
        max(interval_start_at) filter (where value is not null) as last_read_at,
        max(last_updated_at) as last_updated_at,
        max(_load_sequence) as through_sequence
    from chosen
    group by service_point_id, channel, usage_date, unit
),

-- A day whose unit changed has a row for each unit. What nobody stamped is expected once, by the unit that holds more
-- of the day, so that the rows together expect the day.
shared_days as (
    select
        service_point_id,
        channel,
        usage_date,
        max(row(stamped_min, unit)) as main_unit,
        min(shortest_min) as shortest_min,
        sum(stamped_min) as stamped_min
    from rolled_up
    group by service_point_id, channel, usage_date
    having count(*) > 1
),

-- A day of one interval length expects day / length. Where the length changed during the day, the rows there are plus
-- what the rest of the day holds at the shorter length.
expected as (
    select
        rolled_up.*,
        coalesce(shared_days.main_unit[2] = rolled_up.unit, true) as is_main_unit,
        case
            when shared_days.main_unit[2] <> rolled_up.unit
                then rolled_up.rows_stamped
            when shared_days.main_unit[2] = rolled_up.unit
                then
                    rolled_up.rows_stamped
                    + greatest(local_days.minutes - shared_days.stamped_min, 0) // shared_days.shortest_min
            when rolled_up.shortest_min = rolled_up.longest_min
                then local_days.minutes // rolled_up.shortest_min
            else
                rolled_up.rows_stamped
                + greatest(local_days.minutes - rolled_up.stamped_min, 0) // rolled_up.shortest_min
        end as reads_expected
    from rolled_up
    left join local_days
        on
            rolled_up.zone = local_days.zone
            and rolled_up.usage_date = local_days.local_date
    left join shared_days
        on
            rolled_up.service_point_id = shared_days.service_point_id
            and rolled_up.channel = shared_days.channel
            and rolled_up.usage_date = shared_days.usage_date
),

final as (
    select
        service_point_id,
        channel,
        usage_date,
        unit,
        commodity,
        zone,
        is_main_unit,
        shortest_min::smallint as interval_min,
        usage_quantity::decimal(28, 8) as usage_quantity,
        peak[1]::decimal(18, 8) as peak_interval_quantity,
        make_timestamp(-peak[2]) as peak_interval_at,
        reads_received::integer as reads_received,
        reads_expected::integer as reads_expected,
        reads_estimated::integer as reads_estimated,
        reads_substituted::integer as reads_substituted,
        greatest(reads_expected - reads_received, 0)::integer as reads_missing,
        first_read_at,
        last_read_at,
        last_updated_at,
        through_sequence
    from expected
)

select * from final
