-- One row a service point: the agreement that serves it now. Up to ten live agreements on one point were measured in
-- the field, so a plain join would multiply rows. Current links first, energy before special roles, then the newest.
with links as (
    select * from {{ ref('int_ccb__latest_agreement_service_points') }}
),

agreements as (
    select * from {{ ref('int_ccb__service_agreements') }}
),

joined as (
    select
        links.service_point_id,
        links.service_agreement_id,
        agreements.account_id,
        agreements.commodity,
        agreements.is_revenue,
        agreements.is_live and links.stopped_at is null as is_current,
        links.started_at,
        links.stopped_at,
        links.agreement_service_point_id
    from links
    inner join agreements
        on links.service_agreement_id = agreements.service_agreement_id
    where agreements.agreement_status is distinct from 'cancelled'
),

final as (
    select
        service_point_id,
        service_agreement_id,
        account_id,
        commodity,
        is_current,
        started_at,
        stopped_at,
        count(*) filter (where is_current) over (partition by service_point_id) as current_agreement_count
    from joined
    qualify row_number() over (
        partition by service_point_id
        order by
            is_current desc,
            is_revenue desc,
            started_at desc nulls last,
            agreement_service_point_id desc
    ) = 1
)

select * from final
