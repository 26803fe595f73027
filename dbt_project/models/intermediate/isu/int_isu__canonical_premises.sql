-- Connection objects are the parents; premises have the address of theirs, and their own place in it.
with premises as (
    select * from {{ ref('int_isu__latest_premises') }}
    where not is_deleted
),

connection_objects as (
    select * from {{ ref('int_isu__latest_connection_objects') }}
    where not is_deleted
),

premise_types as (
    select * from {{ ref('isu_premise_types') }}
),

addresses as (
    select
        locations.client,
        locations.functional_location_id as connection_object_id,
        addresses.street,
        addresses.unit,
        addresses.city,
        addresses.state,
        addresses.postal_code,
        addresses.country,
        greatest(
            locations.last_updated_at, location_addresses.last_updated_at, addresses.last_updated_at
        ) as last_updated_at,
        greatest(
            locations._load_sequence, location_addresses._load_sequence, addresses._load_sequence
        ) as through_sequence
    from {{ ref('int_isu__latest_functional_locations') }} as locations
    inner join {{ ref('int_isu__latest_location_addresses') }} as location_addresses
        on locations.client = location_addresses.client and locations.location_id = location_addresses.location_id
    inner join {{ ref('int_isu__current_addresses') }} as addresses
        on location_addresses.client = addresses.client and location_addresses.address_id = addresses.address_id
    where not locations.is_deleted and not location_addresses.is_deleted
),

places as (
    select
        client,
        {{ external_id('ISU', 'CONN', 'connection_object_id') }} as premise_key,
        connection_object_id as native_id,
        null::varchar as parent_premise_key,
        true as is_parent,
        null::varchar as premise_type_code,
        'building' as premise_type,
        connection_object_id,
        null::varchar as own_unit,
        last_updated_at,
        _load_sequence
    from connection_objects
    union all by name
    select
        premises.client,
        {{ external_id('ISU', 'PREM', 'premise_id') }} as premise_key,
        premises.premise_id as native_id,
        {{ external_id('ISU', 'CONN', 'connection_object_id') }} as parent_premise_key,
        false as is_parent,
        premises.premise_type_code,
        premise_types.premise_type,
        premises.connection_object_id,
        premises.location_supplement as own_unit,
        premises.last_updated_at,
        premises._load_sequence
    from premises
    left join premise_types
        on premises.premise_type_code = premise_types.premise_type_code
),

addressed as (
    select
        places.*,
        addresses.street,
        coalesce(places.own_unit, addresses.unit) as unit,
        addresses.city,
        addresses.state,
        addresses.postal_code,
        addresses.country,
        greatest(places.last_updated_at, addresses.last_updated_at) as changed_at,
        greatest(places._load_sequence, addresses.through_sequence) as through_sequence
    from places
    left join addresses
        on
            places.client = addresses.client
            and places.connection_object_id = addresses.connection_object_id
),

final as (
    select
        premise_key,
        'ISU' as source_system,
        native_id,
        parent_premise_key,

        is_parent,
        premise_type,
        left(coalesce(nullif(concat_ws(' ', street, unit), ''), native_id), 255) as premise_name,
        street,
        unit,
        city,
        state,
        postal_code,
        country,
        null::decimal(9, 6) as latitude,
        null::decimal(9, 6) as longitude,
        null::varchar as time_zone,

        changed_at as last_updated_at,
        through_sequence,
        {{ unknown_codes([
            {'field': 'premise_type', 'code': 'premise_type_code', 'meaning': 'premise_type'}
        ]) }} as unknown_codes
    from addressed
)

select * from final
