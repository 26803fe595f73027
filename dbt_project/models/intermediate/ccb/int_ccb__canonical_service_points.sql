-- Commodity as the agreement that serves the point says, else as its type says.
with points as (
    select * from {{ ref('int_ccb__latest_service_points') }}
),

premises as (
    select * from {{ ref('int_ccb__latest_premises') }}
),

agreements as (
    select * from {{ ref('int_ccb__service_point_agreements') }}
),

point_types as (
    select * from {{ ref('ccb_service_point_types') }}
),

statuses as (
    select * from {{ ref('ccb_service_point_statuses') }}
),

instructions as (
    select * from {{ ref('ccb_read_instructions') }}
),

warnings as (
    select * from {{ ref('ccb_read_warnings') }}
),

listed as (
    select * from {{ ref('int_ccb__listed_service_points') }}
),

any_listed as (
    select count(*) > 0 as is_known from listed
),

known as (
    select
        points.*,
        coalesce(agreements.commodity, point_types.commodity) as commodity,
        point_types.business_unit,
        point_types.is_solar,
        statuses.service_point_status,
        instructions.read_instruction,
        warnings.read_warning,
        premises.meter_read_instruction_code,
        premises.meter_read_warning_code,
        coalesce(points.abolish_date <= {{ as_of() }}, false)
        or (any_listed.is_known and listed.service_point_id is null) as is_abolished,
        greatest(points.last_updated_at, premises.last_updated_at) as changed_at,
        greatest(points._load_sequence, premises._load_sequence) as through_sequence
    from points
    cross join any_listed
    left join listed
        on points.service_point_id = listed.service_point_id
    left join premises
        on points.premise_id = premises.premise_id
    left join agreements
        on points.service_point_id = agreements.service_point_id
    left join point_types
        on points.service_point_type_code = point_types.service_point_type_code
    left join statuses
        on points.source_status_code = statuses.source_status_code
    left join instructions
        on premises.meter_read_instruction_code = instructions.meter_read_instruction_code
    left join warnings
        on premises.meter_read_warning_code = warnings.meter_read_warning_code
),

final as (
    select
        {{ external_id('CCB', 'SP', 'service_point_id') }} as service_point_key,
        'CCB' as source_system,
        service_point_id as native_id,
        {{ external_id('CCB', 'PREM', 'premise_id') }} as premise_key,

        commodity,
        coalesce(
            business_unit,
            case commodity when 'electricity' then 'electric' when 'gas' then 'gas' end
        ) as business_unit,
        case when is_abolished then 'abolished' else service_point_status end as service_point_status,
        null::varchar as market_id,

        install_date as activation_date,
        null::date as disconnect_date,
        abolish_date,

        substation_code,
        feeder_code,
        network_node_code as node_code,
        read_instruction,
        read_warning,
        service_point_type_code,
        is_solar,

        changed_at as last_updated_at,
        through_sequence,
        {{ unknown_codes([
            {'field': 'service_point_type_code', 'code': 'service_point_type_code', 'meaning': 'business_unit'},
            {'field': 'service_point_status', 'code': 'source_status_code', 'meaning': 'service_point_status'},
            {'field': 'read_instruction', 'code': 'meter_read_instruction_code', 'meaning': 'read_instruction'},
            {'field': 'read_warning', 'code': 'meter_read_warning_code', 'meaning': 'read_warning'}
        ]) }} as unknown_codes
    from known
)

select * from final
