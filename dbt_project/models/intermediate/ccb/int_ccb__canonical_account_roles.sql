-- Who has to do with an account. CC&B gives these roles no dates.
with account_persons as (
    select * from {{ ref('int_ccb__latest_account_persons') }}
),

contacts as (
    select * from {{ ref('int_ccb__canonical_contacts') }}
),

relationship_types as (
    select * from {{ ref('ccb_account_relationship_types') }}
),

final as (
    select
        {{ external_id('CCB', 'AP', 'account_persons.account_id', 'account_persons.person_id') }} as account_role_key,
        'CCB' as source_system,
        account_persons.account_id || '|' || account_persons.person_id as native_id,
        {{ external_id('CCB', 'ACCT', 'account_persons.account_id') }} as billing_account_key,
        {{ external_id('CCB', 'PER', 'account_persons.person_id') }} as party_key,
        contacts.contact_key,

        case
            when account_persons.is_main_customer then 'financially_responsible'
            when account_persons.relationship_type_code is not null then relationship_types.account_role
            when account_persons.is_financially_responsible then 'authorised'
            else 'interested'
        end as role,
        coalesce(account_persons.is_main_customer, false) as is_main,
        null::date as start_date,
        null::date as end_date,

        account_persons.last_updated_at,
        account_persons._load_sequence as through_sequence,
        {{ unknown_codes([
            {
                'field': 'role',
                'code': 'account_persons.relationship_type_code',
                'meaning': 'relationship_types.account_role'
            }
        ]) }} as unknown_codes
    from account_persons
    left join contacts
        on account_persons.person_id = contacts.native_id
    left join relationship_types
        on account_persons.relationship_type_code = relationship_types.relationship_type_code
)

select * from final
