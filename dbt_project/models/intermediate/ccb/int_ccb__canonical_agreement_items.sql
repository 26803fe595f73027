-- Which agreement serves which point, and when: many to many, each link with its own dates. A link that was stopped and
-- begun again has two ids, and both stay.
with links as (
    select * from {{ ref('int_ccb__latest_agreement_service_points') }}
),

agreements as (
    select * from {{ ref('int_ccb__service_agreements') }}
),

canonical_agreements as (
    select * from {{ ref('int_ccb__canonical_service_agreements') }}
),

signs as (
    select * from {{ ref('ccb_usage_signs') }}
),

final as (
    select
        {{ external_id('CCB', 'SASP', 'links.agreement_service_point_id') }} as agreement_item_key,
        'CCB' as source_system,
        links.agreement_service_point_id as native_id,
        {{ external_id('CCB', 'SA', 'links.service_agreement_id') }} as service_agreement_key,
        {{ external_id('CCB', 'SP', 'links.service_point_id') }} as service_point_key,
        canonical_agreements.billing_account_key,
        canonical_agreements.product_key,

        {{ local_date('links.started_at') }} as start_date,
        -- stopped at midnight: the day before was the last
        {{ local_date("links.stopped_at - interval 1 microsecond") }} as end_date,
        links.usage_pct::decimal(5, 2) as use_percent,
        signs.usage_sign,

        links.last_updated_at,
        links._load_sequence as through_sequence,
        {{ unknown_codes([
            {'field': 'usage_sign', 'code': 'links.usage_sign_code', 'meaning': 'signs.usage_sign'}
        ]) }} as unknown_codes
    from links
    left join agreements
        on links.service_agreement_id = agreements.service_agreement_id
    left join canonical_agreements
        on links.service_agreement_id = canonical_agreements.native_id
    left join signs
        on links.usage_sign_code = signs.usage_sign_code
    -- an agreement nobody knows is not one of a special role: its links are orphans, and said to be
    where coalesce(agreements.is_revenue, true)
)

select * from final
