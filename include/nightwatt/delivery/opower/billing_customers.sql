-- Every account and service point of the population, as it would be said now, and why it may not be.
create or replace temp table billing_customer as
with

agreements as (
    select
        *,
        len($classes) = 0 or coalesce(list_contains($classes, customer_class), false) as is_of_class
    from dim_service_agreement
    where $system is null or source_system = $system
),

-- the choice depends on seed and id alone, so every kind of file names the same accounts
sampled as (
    select billing_account_id
    from agreements
    where is_of_class and not is_cancelled
    group by billing_account_id
    order by md5($seed || '|' || billing_account_id), billing_account_id
    limit $size
),

population as (
    select * exclude (is_of_class)
    from agreements
    where
        is_of_class
        and ($commodity is null or commodity = $commodity)
        and (not $is_sample or billing_account_id in (select billing_account_id from sampled))
        -- who had left before the history begins is not part of it, nor who came after its end
        and coalesce(inactive_date > $first_day, true)
        and coalesce(active_date <= $last_day, true)
),

identified as (
    select
        *,
        {account_id} as said_account_id
    from population
),

-- The first active date said stays. An end after the last day is not known yet, as far as the file goes.
facts as (
    select identified.* replace (
        coalesce(sent_active.active_date, identified.active_date) as active_date,
        case when coalesce(identified.inactive_date - 1 <= $last_day, true) then identified.inactive_date end
            as inactive_date
    ),
    coalesce(sent_active.active_date <> identified.active_date, false) as is_active_date_kept
    from identified
    left join sent_active
        on identified.said_account_id = sent_active.account_id
),

said as (
    select
        service_agreement_key,
        said_account_id as account_id,
        {service_point_id} as service_point_id,
        {premise_id} as premise_id,
        {customer_id} as customer_id,
        active_date,
        inactive_date,
        service_start_date,
        is_active_date_kept,
        case
            when is_cancelled then 'cancelled'
            when active_date > $business_date then 'not_started'
            when {is_incomplete} then 'incomplete'
            when inactive_date < active_date then 'dates_backwards'
            else 'send'
        end as verdict,
        {line} as line
    from facts
),

-- Who is at a premise for the partner: those that are said now, and those said before of whom nothing is said now.
present as (
    select
        account_id,
        premise_id,
        customer_id,
        active_date,
        inactive_date
    from said
    where verdict = 'send'
    union all
    select
        sent_customer.account_id,
        sent_customer.premise_id,
        sent_customer.customer_id,
        sent_customer.active_date,
        sent_customer.inactive_date
    from sent_customer
    left join said
        on
            sent_customer.account_id = said.account_id
            and sent_customer.service_point_id = said.service_point_id
            and said.verdict = 'send'
    where said.account_id is null
),

-- The partner takes one customer at a premise at a time.
shared as (
    select distinct
        these.account_id,
        these.service_point_id
    from said as these
    inner join present as those
        on
            these.premise_id = those.premise_id
            and these.customer_id <> those.customer_id
            and (those.active_date, coalesce(those.inactive_date, date '9999-12-31'), those.account_id)
            < (these.active_date, coalesce(these.inactive_date, date '9999-12-31'), these.account_id)
            and coalesce(those.inactive_date > these.active_date, true)
    where these.verdict = 'send' and coalesce(these.inactive_date > these.active_date, true)
),

final as (
    select
        said.* replace (if(shared.account_id is null, said.verdict, 'premise_shared') as verdict),
        sent_customer.line as sent_line
    from said
    left join shared
        on said.account_id = shared.account_id and said.service_point_id = shared.service_point_id
    left join sent_customer
        on said.account_id = sent_customer.account_id and said.service_point_id = sent_customer.service_point_id
)

select * from final
