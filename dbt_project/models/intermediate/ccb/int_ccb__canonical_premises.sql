-- Buildings and what others name as their parent come as rows of the same table as homes and shops.
with premises as (
    select * from {{ ref('int_ccb__latest_premises') }}
),

parents as (
    select distinct parent_premise_id
    from premises
    where parent_premise_id is not null
),

premise_types as (
    select * from {{ ref('ccb_premise_types') }}
),

countries as (
    select * from {{ ref('ccb_countries') }}
),

time_zones as (
    select * from {{ ref('ccb_time_zones') }}
),

locations as (
    select
        values_given.premise_id,
        try_cast(split_part(values_given.geo_value, ',', 1) as decimal(9, 6)) as latitude,
        try_cast(split_part(values_given.geo_value, ',', 2) as decimal(9, 6)) as longitude,
        values_given.last_updated_at,
        values_given._load_sequence
    from {{ ref('int_ccb__latest_premise_locations') }} as values_given
    inner join {{ ref('ccb_geo_types') }} as geo_types
        on values_given.geo_type_code = geo_types.geo_type_code and geo_types.is_latitude_longitude
    qualify row_number() over (
        partition by values_given.premise_id
        order by values_given.last_updated_at desc nulls last, values_given.geo_type_code asc
    ) = 1
),

places as (
    select
        premise_id,
        case when is_on_earth then latitude end as latitude,
        case when is_on_earth then longitude end as longitude,
        last_updated_at,
        _load_sequence
    from (
        select
            *,
            latitude between -90 and 90 and longitude between -180 and 180 as is_on_earth
        from locations
    ) as locations_checked
),

final as (
    select
        {{ external_id('CCB', 'PREM', 'premises.premise_id') }} as premise_key,
        'CCB' as source_system,
        premises.premise_id as native_id,
        {{ external_id('CCB', 'PREM', 'premises.parent_premise_id') }} as parent_premise_key,

        parents.parent_premise_id is not null
        or coalesce(premise_types.premise_type = 'building', false) as is_parent,
        premise_types.premise_type,
        left(
            coalesce(
                nullif(concat_ws(' ', premises.address_line_1, premises.address_line_2), ''), premises.premise_id
            ),
            255
        ) as premise_name,
        premises.address_line_1 as street,
        premises.address_line_2 as unit,
        premises.city_name as city,
        premises.state_code as state,
        premises.postal_code,
        countries.country,
        places.latitude,
        places.longitude,
        time_zones.time_zone,

        greatest(premises.last_updated_at, places.last_updated_at) as last_updated_at,
        greatest(premises._load_sequence, places._load_sequence) as through_sequence,
        {{ unknown_codes([
            {'field': 'premise_type', 'code': 'premises.premise_type_code', 'meaning': 'premise_types.premise_type'},
            {'field': 'country', 'code': 'premises.country_code', 'meaning': 'countries.country'},
            {'field': 'time_zone', 'code': 'premises.time_zone_code', 'meaning': 'time_zones.time_zone'}
        ]) }} as unknown_codes
    from premises
    left join parents
        on premises.premise_id = parents.parent_premise_id
    left join premise_types
        on premises.premise_type_code = premise_types.premise_type_code
    left join time_zones
        on premises.time_zone_code = time_zones.time_zone_code
    left join countries
        on premises.country_code = countries.country_code
    left join places
        on premises.premise_id = places.premise_id
)

select * from final
