{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['service_point_id'],
    full_refresh=false,
    on_schema_change='fail',
    tags=['usage']
) }}

-- Since which load the CRM may have a point. Usage that came before is news to the CRM from then on, although no read
-- touches it again. A build that finds a point cannot know whether its usage has gone out with the loads so far, so the
-- load that comes next counts. Made again from nothing this would be forgotten: it stays through a full refresh.
with points as (
    select service_point_id from {{ ref('int_usage__service_points') }}
),

{% if is_incremental() %}
known as (
    select * from {{ this }}
),

next_load as (
    select coalesce(max(sequence), 0) + 1 as sequence from {{ source('lake', 'loads') }}
),

final as (
    select
        coalesce(points.service_point_id, known.service_point_id) as service_point_id,
        points.service_point_id is not null as is_known,
        case
            when points.service_point_id is null then null
            when known.is_known then known.known_since_sequence
            else next_load.sequence
        end as known_since_sequence
    from points
    full join known
        on points.service_point_id = known.service_point_id
    cross join next_load
)
{% else %}
final as (
    select
        service_point_id,
        true as is_known,
        0::bigint as known_since_sequence
    from points
)
{% endif %}

select * from final
