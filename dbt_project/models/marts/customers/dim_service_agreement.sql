-- Built from what is known, good or not: whether the customer picture may have a row is not its question. Only what a
-- load changes is in it, nothing that a day's passing would, so that the sequence tells of every change.
with agreements as (
    select * from {{ ref('int_canonical__service_agreements') }}
    qualify row_number() over (partition by service_agreement_key order by through_sequence desc) = 1
),

items as (
    select * from {{ ref('int_canonical__agreement_items') }}
),

points as (
    select * from {{ ref('int_canonical__service_points') }}
),

premises as (
    select
        *,
        case source_system
            when 'CCB' then {{ house_number('street') }}
            else {{ house_number('street', var('isu_house_number_first')) }}
        end as house_number,
        case source_system
            when 'CCB' then {{ street_name('street') }}
            else {{ street_name('street', var('isu_house_number_first')) }}
        end as street_name
    from {{ ref('int_canonical__premises') }}
),

parties as (
    select * from {{ ref('int_canonical__parties') }}
),

-- without their balances, which change with every payment
accounts as (
    {{ canonical_rows('billing_accounts') | indent(4) }}
),

products as (
    select * from {{ ref('int_canonical__products') }}
),

first_periods as (
    select
        service_agreement_key,
        min(period_start_date) as first_period_start_date,
        min_by(through_sequence, period_start_date) as through_sequence
    from {{ ref('fct_billed_usage') }}
    where not is_cancelled
    group by service_agreement_key
),

-- an agreement's link to a point that was stopped and begun again is one
served as (
    select
        service_agreement_key,
        service_point_key,
        min(start_date) as service_start_date,
        case when bool_and(end_date is not null) then max(end_date) + 1 end as service_end_date,
        max(last_updated_at) as last_updated_at,
        max(through_sequence) as through_sequence
    from items
    group by service_agreement_key, service_point_key
),

joined as (
    select
        served.*,
        agreements.source_system,
        agreements.native_id as service_agreement_id,
        agreements.commodity,
        coalesce(agreements.agreement_status = 'cancelled', false) as is_cancelled,
        case
            when first_periods.first_period_start_date < agreements.start_date
                then first_periods.first_period_start_date
            else agreements.start_date
        end as active_date,
        agreements.end_date + 1 as inactive_date,
        points.native_id as service_point_id,
        points.premise_key,
        accounts.native_id as billing_account_id,
        accounts.party_key,
        accounts.customer_class,
        accounts.bill_cycle_code,
        products.rate_code,
        greatest(
            served.last_updated_at, agreements.last_updated_at, points.last_updated_at, accounts.last_updated_at
        ) as changed_at,
        greatest(
            served.through_sequence,
            agreements.through_sequence,
            points.through_sequence,
            accounts.through_sequence,
            case
                when first_periods.first_period_start_date < agreements.start_date
                    then first_periods.through_sequence
            end
        ) as known_through
    from served
    inner join agreements
        on served.service_agreement_key = agreements.service_agreement_key
    inner join points
        on served.service_point_key = points.service_point_key
    left join accounts
        on agreements.billing_account_key = accounts.billing_account_key
    left join products
        on agreements.product_key = products.product_key
    left join first_periods
        on agreements.service_agreement_key = first_periods.service_agreement_key
    qualify row_number() over (
        partition by served.service_agreement_key, served.service_point_key
        order by points.through_sequence desc, accounts.through_sequence desc
    ) = 1
),

final as (
    select
        joined.service_agreement_key,
        joined.service_point_key,
        joined.source_system,
        joined.service_agreement_id,
        joined.service_point_id,
        joined.billing_account_id,
        case when joined.source_system = 'CCB' then joined.billing_account_id end as ccb_account_id,
        parties.native_id as customer_id,
        premises.native_id as premise_id,

        joined.commodity,
        joined.customer_class,
        joined.rate_code,
        joined.bill_cycle_code as read_cycle,
        joined.is_cancelled,
        joined.active_date,
        joined.inactive_date,
        joined.service_start_date,
        joined.service_end_date,

        parties.party_type as customer_type,
        parties.party_name as customer_name,
        parties.first_name,
        parties.last_name,
        case when parties.party_type = 'organisation' then parties.party_name end as business_name,
        parties.email,
        coalesce(parties.mobile, parties.phone) as phone,
        parties.mailing_street as mail_address_line_1,
        parties.mailing_unit as mail_address_line_2,
        parties.mailing_city as mail_city,
        parties.mailing_state as mail_state,
        parties.mailing_postal_code as mail_postal_code,
        parties.mailing_country as mail_country,

        premises.house_number as service_house_number,
        premises.street_name as service_street_name,
        premises.unit as service_unit,
        premises.city as service_city,
        premises.state as service_state,
        premises.postal_code as service_postal_code,

        greatest(joined.changed_at, premises.last_updated_at, parties.last_updated_at) as last_updated_at,
        greatest(joined.known_through, premises.through_sequence, parties.through_sequence) as through_sequence
    from joined
    left join premises
        on joined.premise_key = premises.premise_key
    left join parties
        on joined.party_key = parties.party_key
    qualify row_number() over (
        partition by joined.service_agreement_key, joined.service_point_key
        order by premises.through_sequence desc, parties.through_sequence desc
    ) = 1
)

select * from final
