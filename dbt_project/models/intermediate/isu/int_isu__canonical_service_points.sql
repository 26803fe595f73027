-- Installations: in service while a slice runs, disconnected where marked, abolished where marked for deletion.
with installations as (
    select * from {{ ref('int_isu__latest_installations') }}
    where not is_deleted
),

divisions as (
    select * from {{ ref('isu_divisions') }}
),

installation_types as (
    select * from {{ ref('isu_installation_types') }}
),

slices as (
    select
        client,
        installation_id,
        min(slice_start_date) as activation_date,
        bool_or({{ runs_today() }}) as is_running,
        max(last_updated_at) as last_updated_at,
        max(_load_sequence) as through_sequence
    from {{ ref('int_isu__latest_installation_slices') }}
    where not is_deleted
    group by client, installation_id
),

supply_points_today as (
    select * from {{ ref('int_isu__latest_supply_points') }}
    where not is_deleted and {{ runs_today() }}
),

-- A point of delivery may cover several installations; of several numbers for one installation, the lowest.
market_ids as (
    select
        links.client,
        links.installation_id,
        min(supply_points.market_id) as market_id,
        max(greatest(links.last_updated_at, supply_points.last_updated_at)) as last_updated_at,
        max(greatest(links._load_sequence, supply_points._load_sequence)) as through_sequence
    from {{ ref('int_isu__latest_installation_supply_points') }} as links
    inner join supply_points_today as supply_points
        on links.client = supply_points.client and links.supply_point_id = supply_points.supply_point_id
    where not links.is_deleted and {{ runs_today('links') }}
    group by links.client, links.installation_id
),

final as (
    select
        {{ external_id('ISU', 'INST', 'installations.installation_id', client='installations.client') }}
            as service_point_key,
        'ISU' as source_system,
        installations.installation_id as native_id,
        {{ external_id('ISU', 'PREM', 'installations.premise_id', client='installations.client') }} as premise_key,

        divisions.commodity,
        coalesce(installation_types.business_unit, divisions.business_unit) as business_unit,
        case
            when installations.is_deletion_flagged then 'abolished'
            when installations.is_disconnected then 'disconnected'
            when slices.is_running then 'in_service'
        end as service_point_status,
        market_ids.market_id,

        slices.activation_date,
        null::date as disconnect_date,
        null::date as abolish_date,

        null::varchar as substation_code,
        null::varchar as feeder_code,
        null::varchar as node_code,
        null::varchar as read_instruction,
        null::varchar as read_warning,
        installations.installation_type_code as service_point_type_code,
        installation_types.is_solar,

        greatest(
            installations.last_updated_at, slices.last_updated_at, market_ids.last_updated_at
        ) as last_updated_at,
        greatest(
            installations._load_sequence, slices.through_sequence, market_ids.through_sequence
        ) as through_sequence,
        {{ unknown_codes([
            {'field': 'commodity', 'code': 'installations.division_code', 'meaning': 'divisions.commodity'},
            {
                'field': 'service_point_type_code',
                'code': 'installations.installation_type_code',
                'meaning': 'installation_types.business_unit'
            }
        ]) }} as unknown_codes
    from installations
    left join divisions
        on installations.division_code = divisions.division_code
    left join installation_types
        on installations.installation_type_code = installation_types.installation_type_code
    left join slices
        on installations.client = slices.client and installations.installation_id = slices.installation_id
    left join market_ids
        on installations.client = market_ids.client and installations.installation_id = market_ids.installation_id
)

select * from final
