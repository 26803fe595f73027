-- Billing accounts. An account belongs to its main customer; with none or more than one it belongs to nobody.
with accounts as (
    select * from {{ ref('int_ccb__latest_accounts') }}
),

account_customers as (
    select * from {{ ref('int_ccb__account_customers') }}
),

account_states as (
    select * from {{ ref('int_ccb__account_states') }}
),

parties as (
    select * from {{ ref('int_ccb__canonical_parties') }}
),

customer_classes as (
    select * from {{ ref('ccb_customer_classes') }}
),

bill_cycles as (
    select * from {{ ref('ccb_bill_cycle_frequencies') }}
),

bill_routes as (
    select * from {{ ref('ccb_bill_route_types') }}
),

-- one row an account: whether it is paid automatically today
autopays as (
    select
        account_id,
        bool_or(start_date <= {{ as_of() }} and coalesce(end_date >= {{ as_of() }}, true)) as is_autopay,
        max(last_updated_at) as last_updated_at,
        max(_load_sequence) as through_sequence
    from {{ ref('int_ccb__latest_account_autopays') }}
    group by account_id
),

roles as (
    select
        account_id,
        max(last_updated_at) as last_updated_at,
        max(_load_sequence) as through_sequence
    from {{ ref('int_ccb__latest_account_persons') }}
    group by account_id
),

final as (
    select
        {{ external_id('CCB', 'ACCT', 'accounts.account_id') }} as billing_account_key,
        'CCB' as source_system,
        accounts.account_id as native_id,
        left(concat_ws(' ', accounts.account_id, parties.party_name), 255) as account_name,
        {{ external_id('CCB', 'PER', 'account_customers.person_id') }} as party_key,

        customer_classes.customer_class,
        accounts.bill_cycle_code,
        bill_cycles.bill_frequency,
        bill_routes.bill_delivery_method,
        coalesce(autopays.is_autopay, false) as is_autopay,
        accounts.currency_code,
        case
            when account_states.account_id is null then 'inactive'
            else account_states.account_status
        end as account_status,

        accounts.setup_date as set_up_date,

        greatest(
            accounts.last_updated_at, autopays.last_updated_at, roles.last_updated_at, parties.last_updated_at
        ) as last_updated_at,
        greatest(
            accounts._load_sequence, autopays.through_sequence, roles.through_sequence, parties.through_sequence
        ) as through_sequence,
        {{ unknown_codes([
            {
                'field': 'customer_class',
                'code': 'accounts.customer_class_code',
                'meaning': 'customer_classes.customer_class'
            },
            {'field': 'bill_frequency', 'code': 'accounts.bill_cycle_code', 'meaning': 'bill_cycles.bill_frequency'},
            {
                'field': 'bill_delivery_method',
                'code': 'accounts.bill_route_code',
                'meaning': 'bill_routes.bill_delivery_method'
            }
        ]) }} as unknown_codes
    from accounts
    left join account_customers
        on accounts.account_id = account_customers.account_id and account_customers.main_customer_count = 1
    left join parties
        on account_customers.person_id = parties.native_id
    left join account_states
        on accounts.account_id = account_states.account_id
    left join customer_classes
        on accounts.customer_class_code = customer_classes.customer_class_code
    left join bill_cycles
        on accounts.bill_cycle_code = bill_cycles.bill_cycle_code
    left join bill_routes
        on accounts.bill_route_code = bill_routes.bill_route_code
    left join autopays
        on accounts.account_id = autopays.account_id
    left join roles
        on accounts.account_id = roles.account_id
)

select * from final
