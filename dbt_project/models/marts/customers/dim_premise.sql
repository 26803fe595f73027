with premises as (
    select * from {{ ref('int_ccb__latest_premises') }}
),

service_points as (
    select
        premise_id,
        count(*) as service_point_count
    from {{ ref('int_ccb__latest_service_points') }}
    group by premise_id
),

final as (
    select
        premises.premise_id,

        premises.premise_type_code,
        premises.division_code,
        premises.address_line_1,
        premises.address_line_2,
        premises.city_name,
        premises.county_name,
        premises.state_code,
        premises.postal_code,
        premises.country_code,
        premises.time_zone_code,
        coalesce(service_points.service_point_count, 0)::integer as service_point_count,

        premises.last_updated_at,
        premises._load_sequence as through_sequence
    from premises
    left join service_points
        on premises.premise_id = service_points.premise_id
)

select * from final
