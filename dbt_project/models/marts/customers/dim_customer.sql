with persons as (
    select * from {{ ref('int_ccb__latest_persons') }}
),

primary_names as (
    select
        person_id,
        person_name
    from {{ ref('int_ccb__latest_person_names') }}
    where name_type_code = 'PRIM'
    qualify row_number() over (partition by person_id order by name_sequence) = 1
),

account_customers as (
    select * from {{ ref('int_ccb__account_customers') }}
),

account_agreements as (
    select * from {{ ref('int_ccb__account_agreements') }}
),

accounts_of_customer as (
    select
        account_customers.person_id,
        count(*) as account_count,
        count(*) filter (where account_agreements.live_agreement_count > 0) as active_account_count
    from account_customers
    left join account_agreements
        on account_customers.account_id = account_agreements.account_id
    group by account_customers.person_id
),

final as (
    select
        persons.person_id as customer_id,

        primary_names.person_name as customer_name,
        persons.person_type_code,
        persons.language_code,
        coalesce(accounts_of_customer.account_count, 0)::integer as account_count,
        coalesce(accounts_of_customer.active_account_count, 0)::integer as active_account_count,
        coalesce(accounts_of_customer.active_account_count, 0) > 0 as is_active,

        persons.last_updated_at,
        persons._load_sequence as through_sequence
    from persons
    left join primary_names
        on persons.person_id = primary_names.person_id
    left join accounts_of_customer
        on persons.person_id = accounts_of_customer.person_id
)

select * from final
