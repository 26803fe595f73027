-- Who has to do with an account, in every system. An account has one main customer; where it has more, none of those
-- who claim it is believed.
with roles as (
    {{ canonical_rows('account_roles') | indent(4) }}
),

accounts as (
    select billing_account_key
    from {{ ref('int_canonical__billing_accounts') }}
    where {{ is_good() }}
),

parties as (
    select party_key
    from {{ ref('int_canonical__parties') }}
    where {{ is_good() }}
),

contacts as (
    select contact_key
    from {{ ref('int_canonical__contacts') }}
    where {{ is_good() }}
),

duplicates as (
    select account_role_key
    from roles
    group by account_role_key
    having count(*) > 1
),

main_customers as (
    select
        billing_account_key,
        count(*) as main_customer_count
    from roles
    where is_main
    group by billing_account_key
),

final as (
    select
        roles.account_role_key,
        roles.source_system,
        roles.native_id,
        roles.billing_account_key,
        roles.party_key,
        roles.contact_key,

        roles.role,
        roles.is_main,
        roles.start_date,
        roles.end_date,

        roles.last_updated_at,
        roles.through_sequence,
        {{ faults([
            {
                'when': 'duplicates.account_role_key is not null',
                'code': 'account_role.duplicate_key',
                'field': 'account_role_key'
            },
            {
                'when': 'roles.is_main and main_customers.main_customer_count > 1',
                'code': 'account_role.main_customer_count',
                'field': 'is_main',
                'detail': 'main_customers.main_customer_count'
            },
            {
                'when': 'accounts.billing_account_key is null',
                'code': 'account_role.orphan',
                'field': 'billing_account_key',
                'detail': 'roles.billing_account_key'
            },
            {
                'when': 'parties.party_key is null',
                'code': 'account_role.orphan',
                'field': 'party_key',
                'detail': 'roles.party_key'
            },
            {
                'when': 'roles.contact_key is not null and contacts.contact_key is null',
                'code': 'account_role.orphan',
                'field': 'contact_key',
                'detail': 'roles.contact_key'
            },
            {
                'when': 'roles.end_date < roles.start_date',
                'code': 'account_role.dates_backwards',
                'field': 'end_date'
            }
        ], entity='account_role', unknown_codes='roles.unknown_codes') }} as faults
    from roles
    left join duplicates
        on roles.account_role_key = duplicates.account_role_key
    left join main_customers
        on roles.billing_account_key = main_customers.billing_account_key
    left join accounts
        on roles.billing_account_key = accounts.billing_account_key
    left join parties
        on roles.party_key = parties.party_key
    left join contacts
        on roles.contact_key = contacts.contact_key
)

select * from final
