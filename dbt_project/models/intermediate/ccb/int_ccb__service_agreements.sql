with agreements as (
    select * from {{ ref('int_ccb__latest_service_agreements') }}
),

agreement_types as (
    select * from {{ ref('int_ccb__latest_service_agreement_types') }}
),

statuses as (
    select * from {{ ref('ccb_agreement_statuses') }}
),

service_types as (
    select * from {{ ref('ccb_service_types') }}
),

final as (
    select
        agreements.service_agreement_id,
        agreements.account_id,
        agreements.premise_id,

        agreements.agreement_type_code,
        agreements.division_code,
        agreements.agreement_status_code,
        agreements.start_reason_code,
        agreements.stop_reason_code,
        statuses.agreement_status,
        coalesce(statuses.is_live, false) as is_live,
        case when agreement_types.agreement_type_code is not null then true end as type_is_known,
        agreement_types.service_type_code,
        service_types.commodity,
        agreement_types.special_role_code is null as is_revenue,

        agreements.start_date,
        agreements.end_date,
        agreements.last_updated_at,
        agreements._load_sequence
    from agreements
    left join agreement_types
        on
            agreements.division_code = agreement_types.division_code
            and agreements.agreement_type_code = agreement_types.agreement_type_code
    left join statuses
        on agreements.agreement_status_code = statuses.agreement_status_code
    left join service_types
        on agreement_types.service_type_code = service_types.service_type_code
)

select * from final
