-- One row an account that is served now: of which business units. Read before anything is checked, so that a fault of a
-- point does not make its account look like another one.
with agreements as (
    {{ canonical_rows('service_agreements') | indent(4) }}
),

items as (
    {{ canonical_rows('agreement_items') | indent(4) }}
),

points as (
    {{ canonical_rows('service_points') | indent(4) }}
),

units as (
    select
        agreements.billing_account_key,
        coalesce(bool_or(points.commodity = 'electricity'), false) as is_electric,
        coalesce(bool_or(points.commodity = 'gas'), false) as is_gas,
        coalesce(bool_or(points.business_unit = 'renewables'), false) as is_renewables
    from items
    inner join agreements
        on items.service_agreement_key = agreements.service_agreement_key
    inner join points
        on items.service_point_key = points.service_point_key
    where
        agreements.agreement_status in ('active', 'suspended')
        and {{ is_linked_today('items') }}
    group by agreements.billing_account_key
),

final as (
    select
        billing_account_key,
        is_electric,
        is_gas,
        is_renewables,
        concat_ws(
            ';',
            case when is_electric then 'electric' end,
            case when is_gas then 'gas' end,
            case when is_renewables then 'renewables' end
        ) as business_units
    from units
)

select * from final
