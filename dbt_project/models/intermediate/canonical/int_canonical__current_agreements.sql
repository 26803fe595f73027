-- One row a service point: the agreement that serves it on the business date. Several can, with dates of their own, so
-- live ones of the point's newest link come first and a key settles the rest.
with agreements as (
    {{ canonical_rows('service_agreements') | indent(4) }}
),

items as (
    {{ canonical_rows('agreement_items') | indent(4) }}
),

final as (
    select
        items.service_point_key,
        items.agreement_item_key,
        agreements.service_agreement_key,
        agreements.billing_account_key,
        agreements.commodity
    from items
    inner join agreements
        on items.service_agreement_key = agreements.service_agreement_key
    where
        agreements.agreement_status in ('active', 'suspended')
        and {{ is_linked_today('items') }}
    qualify row_number() over (
        partition by items.service_point_key
        order by
            agreements.agreement_status asc,
            items.use_percent desc nulls last,
            items.start_date desc,
            items.agreement_item_key desc
    ) = 1
)

select * from final
