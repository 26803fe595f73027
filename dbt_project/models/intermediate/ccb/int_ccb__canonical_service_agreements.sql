-- Contracts for a service. Deposits, payment arrangements and other special roles are no contracts of the picture.
with agreements as (
    select * from {{ ref('int_ccb__service_agreements') }}
    where is_revenue
),

rates as (
    select * from {{ ref('int_ccb__current_rates') }}
),

products as (
    select * from {{ ref('int_ccb__canonical_products') }}
),

default_products as (
    select * from {{ ref('default_products') }}
),

reasons as (
    select * from {{ ref('ccb_agreement_reasons') }}
),

accounts as (
    select * from {{ ref('int_ccb__canonical_billing_accounts') }}
),

-- Whether a disconnected point suspends its agreement is the utility's rule: CC&B does not say why it is disconnected.
disconnected as (
    select distinct links.service_agreement_id
    from {{ ref('int_ccb__latest_agreement_service_points') }} as links
    inner join {{ ref('int_ccb__latest_service_points') }} as points
        on links.service_point_id = points.service_point_id
    inner join {{ ref('ccb_service_point_statuses') }} as statuses
        on points.source_status_code = statuses.source_status_code
    where
        {{ var('suspend_disconnected_agreements') }}
        and statuses.service_point_status = 'disconnected'
        and {{ local_date('links.started_at') }} <= {{ as_of() }}
        and coalesce({{ local_date('links.stopped_at') }} > {{ as_of() }}, true)
),

described as (
    select
        agreements.*,
        case
            when agreements.is_live and disconnected.service_agreement_id is not null then 'suspended'
            else agreements.agreement_status
        end as status,
        starts.status_reason as start_reason,
        stops.status_reason as stop_reason,
        coalesce(
            products.product_key,
            {{ external_id('SYS', 'PROD', 'default_products.product_code') }}
        ) as product_key,
        accounts.bill_frequency as billing_schedule,
        greatest(agreements.last_updated_at, rates.last_updated_at) as changed_at,
        greatest(agreements._load_sequence, rates._load_sequence) as through_sequence
    from agreements
    left join rates
        on agreements.service_agreement_id = rates.service_agreement_id
    left join products
        on
            rates.rate_schedule_code = products.rate_code
            and agreements.commodity = products.commodity
    left join default_products
        on agreements.commodity = default_products.commodity
    left join reasons as starts
        on agreements.start_reason_code = starts.reason_code
    left join reasons as stops
        on agreements.stop_reason_code = stops.reason_code
    left join accounts
        on agreements.account_id = accounts.native_id
    left join disconnected
        on agreements.service_agreement_id = disconnected.service_agreement_id
),

final as (
    select
        {{ external_id('CCB', 'SA', 'service_agreement_id') }} as service_agreement_key,
        'CCB' as source_system,
        service_agreement_id as native_id,
        {{ external_id('CCB', 'ACCT', 'account_id') }} as billing_account_key,
        product_key,

        commodity,
        status as agreement_status,
        coalesce(stop_reason, start_reason) as status_reason,
        case
            when status in ('active', 'suspended') then start_date
            when status = 'ended' then {{ last_day_of('start_date', 'end_date') }}
        end as status_change_date,

        start_date,
        -- one that was cancelled never ran
        case when status = 'cancelled' then null else {{ last_day_of('start_date', 'end_date') }} end as end_date,
        case when status in ('active', 'suspended', 'ended') then start_date end as activation_date,
        billing_schedule,
        null::varchar as legacy_number,

        changed_at as last_updated_at,
        through_sequence,
        {{ unknown_codes([
            {'field': 'agreement_status', 'code': 'agreement_status_code', 'meaning': 'agreement_status'},
            {'field': 'agreement_type', 'code': 'agreement_type_code', 'meaning': 'type_is_known'},
            {'field': 'commodity', 'code': 'service_type_code', 'meaning': 'commodity'},
            {'field': 'status_reason', 'code': 'start_reason_code', 'meaning': 'start_reason'},
            {'field': 'status_reason', 'code': 'stop_reason_code', 'meaning': 'stop_reason'}
        ]) }} as unknown_codes
    from described
)

select * from final
