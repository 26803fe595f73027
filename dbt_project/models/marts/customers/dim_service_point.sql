{{ config(tags=['usage']) }}

-- Built in both chains of the night, each from what the other left: see macros/built_or_empty.sql.
with ccb_points as (
    {{ built_or_empty(ref('int_ccb__latest_service_points'), {
        'service_point_id': 'varchar', 'premise_id': 'varchar', 'service_point_type_code': 'varchar',
        'service_point_status_code': 'varchar', 'source_status_code': 'varchar',
        'substation_code': 'varchar', 'feeder_code': 'varchar', 'network_node_code': 'varchar',
        'install_date': 'date', 'abolish_date': 'date', 'last_updated_at': 'timestamp', '_load_sequence': 'bigint'
    }) }}
),

listed as (
    {{ built_or_empty(ref('int_ccb__listed_service_points'), {'service_point_id': 'varchar'}) }}
),

agreements as (
    {{ built_or_empty(ref('int_ccb__service_point_agreements'), {
        'service_point_id': 'varchar', 'service_agreement_id': 'varchar', 'account_id': 'varchar',
        'commodity': 'varchar', 'is_current': 'boolean', 'current_agreement_count': 'bigint'
    }) }}
),

meters as (
    {{ built_or_empty(ref('int_ccb__current_meters'), {'service_point_id': 'varchar', 'meter_id': 'varchar'}) }}
),

usage_months as (
    {{ built_or_empty(ref('fct_usage_monthly'), {
        'service_point_id': 'varchar', 'channel': 'varchar', 'commodity': 'varchar', 'zone': 'varchar',
        'usage_month': 'date', 'last_updated_at': 'timestamp', 'through_sequence': 'bigint'
    }) }}
),

source_statuses as (
    select * from {{ ref('ccb_service_point_statuses') }}
),

read_points as (
    select
        service_point_id,
        arg_max(commodity, row(usage_month, channel)) as commodity,
        arg_max(zone, row(usage_month, channel)) as zone,
        bool_or(channel = 'received') as has_received_channel,
        min(usage_month) as first_usage_month,
        max(usage_month) as last_usage_month,
        max(last_updated_at) as last_updated_at,
        max(through_sequence) as through_sequence
    from usage_months
    group by service_point_id
),

any_listed as (
    select count(*) > 0 as is_known from listed
),

final as (
    select
        coalesce(ccb_points.service_point_id, read_points.service_point_id) as service_point_id,
        ccb_points.premise_id,
        case when agreements.is_current then agreements.account_id end as account_id,
        case when agreements.is_current then agreements.service_agreement_id end as service_agreement_id,
        meters.meter_id,

        coalesce(read_points.commodity, agreements.commodity) as commodity,
        ccb_points.service_point_type_code,
        case
            when ccb_points.service_point_id is null then null
            when ccb_points.abolish_date is not null then 'abolished'
            when any_listed.is_known and listed.service_point_id is null then 'closed'
            else source_statuses.service_point_status
        end as service_point_status,
        ccb_points.source_status_code,
        ccb_points.substation_code,
        ccb_points.feeder_code,
        ccb_points.network_node_code,
        read_points.zone,
        ccb_points.service_point_id is not null as is_in_customer_system,
        read_points.service_point_id is not null as has_reads,
        coalesce(read_points.has_received_channel, false) as has_received_channel,
        ccb_points.service_point_id is not null
        and any_listed.is_known
        and listed.service_point_id is null as is_absent,
        coalesce(agreements.current_agreement_count, 0)::integer as current_agreement_count,

        ccb_points.install_date,
        ccb_points.abolish_date,
        read_points.first_usage_month,
        read_points.last_usage_month,
        greatest(ccb_points.last_updated_at, read_points.last_updated_at) as last_updated_at,
        greatest(ccb_points._load_sequence, read_points.through_sequence) as through_sequence
    from ccb_points
    full outer join read_points
        on ccb_points.service_point_id = read_points.service_point_id
    cross join any_listed
    left join listed
        on ccb_points.service_point_id = listed.service_point_id
    left join agreements
        on ccb_points.service_point_id = agreements.service_point_id
    left join meters
        on ccb_points.service_point_id = meters.service_point_id
    left join source_statuses
        on ccb_points.source_status_code = source_statuses.source_status_code
)

select * from final
