-- Every billed period, within the days of the file, of the service points of which anything is to be said.
create or replace temp table billing_period as
with

agreements as (
    select
        service_agreement_key,
        any_value(account_id) as account_id
    from billing_customer
    group by service_agreement_key
),

usage as (
    select
        fct_billed_usage.*,
        agreements.account_id,
        {is_wanted} as is_wanted
    from fct_billed_usage
    inner join agreements
        on fct_billed_usage.service_agreement_key = agreements.service_agreement_key
    where
        through_sequence <= $through
        and coalesce(boundary_date - 1 >= $first_day, true)
        and coalesce(boundary_date - 1 <= $last_day, true)
),

touched_points as (
    select distinct service_point_id
    from usage
    where is_wanted or account_id in (select account_id from billing_touched)
),

touched as (
    select
        *,
        {service_point_id} as said_point_id,
        {line} as line,
        case
            when days < 1 then 'no_days'
            when is_cancelled then 'send'
            when {usage_value} is null then 'missing'
            {amounts}
            when {is_incomplete} then 'incomplete'
            else 'send'
        end as own_verdict
    from usage
    where is_wanted or service_point_id in (select service_point_id from touched_points)
),

final as (
    select
        row_number() over (
            order by
                touched.said_point_id,
                touched.boundary_date,
                touched.days,
                touched.last_updated_at nulls first,
                touched.through_sequence,
                touched.service_agreement_key
        ) as number,
        touched.account_id,
        touched.said_point_id as service_point_id,
        touched.period_start_date as start_date,
        touched.boundary_date,
        touched.is_cancelled,
        touched.is_wanted,
        case
            when touched.service_point_id is null then 'several_points'
            when customers.verdict is distinct from 'send' then 'customer_held'
            else touched.own_verdict
        end as verdict,
        touched.line
    from touched
    left join billing_customer as customers
        on touched.account_id = customers.account_id and touched.said_point_id = customers.service_point_id
)

select * from final
