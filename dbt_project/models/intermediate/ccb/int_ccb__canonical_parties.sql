-- Persons and businesses. A person's name is one field, 'Last,First': split at the first comma.
with persons as (
    select * from {{ ref('int_ccb__latest_persons') }}
),

primary_names as (
    select
        person_id,
        person_name,
        last_updated_at,
        _load_sequence
    from {{ ref('int_ccb__latest_person_names') }}
    where name_type_code = 'PRIM'
    qualify row_number() over (partition by person_id order by name_sequence) = 1
),

person_types as (
    select * from {{ ref('ccb_person_types') }}
),

languages as (
    select * from {{ ref('ccb_languages') }}
),

life_support_codes as (
    select * from {{ ref('ccb_life_support_codes') }}
),

countries as (
    select * from {{ ref('ccb_countries') }}
),

contact_details as (
    select * from {{ ref('int_ccb__person_contact_details') }}
),

accounts as (
    select * from {{ ref('int_ccb__latest_accounts') }}
),

account_customers as (
    select * from {{ ref('int_ccb__account_customers') }}
),

account_states as (
    select * from {{ ref('int_ccb__account_states') }}
),

premises as (
    select * from {{ ref('int_ccb__latest_premises') }}
),

-- Mail goes where the party's first live account sends it; who has no live account left, where the first one did.
mailing_premises as (
    select
        account_customers.person_id,
        accounts.mailing_premise_id
    from account_customers
    inner join accounts
        on account_customers.account_id = accounts.account_id
    left join account_states
        on account_customers.account_id = account_states.account_id
    where account_customers.main_customer_count = 1 and accounts.mailing_premise_id is not null
    qualify row_number() over (
        partition by account_customers.person_id
        order by coalesce(account_states.account_status = 'active', false) desc, accounts.account_id
    ) = 1
),

named as (
    select
        persons.*,
        person_types.party_type,
        primary_names.person_name,
        case
            when person_types.party_type = 'person' and contains(primary_names.person_name, ',')
                then {{ text_value("substr(primary_names.person_name, instr(primary_names.person_name, ',') + 1)") }}
        end as first_name,
        case
            when person_types.party_type = 'person'
                then {{ text_value("split_part(primary_names.person_name, ',', 1)") }}
        end as last_name,
        greatest(persons.last_updated_at, primary_names.last_updated_at) as named_at,
        greatest(persons._load_sequence, primary_names._load_sequence) as named_through
    from persons
    left join primary_names
        on persons.person_id = primary_names.person_id
    left join person_types
        on persons.person_type_code = person_types.person_type_code
),

final as (
    select
        {{ external_id('CCB', 'PER', 'named.person_id') }} as party_key,
        'CCB' as source_system,
        named.person_id as native_id,

        named.party_type,
        left(
            case
                when named.party_type = 'person' then nullif(concat_ws(' ', named.first_name, named.last_name), '')
                else named.person_name
            end,
            255
        ) as party_name,
        named.first_name,
        named.last_name,
        languages.language as language_code,
        life_support_codes.has_life_support,

        contact_details.email,
        contact_details.phone,
        contact_details.mobile,

        premises.address_line_1 as mailing_street,
        premises.address_line_2 as mailing_unit,
        premises.city_name as mailing_city,
        premises.state_code as mailing_state,
        premises.postal_code as mailing_postal_code,
        countries.country as mailing_country,

        false as is_archived,

        greatest(named.named_at, contact_details.last_updated_at, premises.last_updated_at) as last_updated_at,
        greatest(named.named_through, contact_details.through_sequence, premises._load_sequence) as through_sequence,
        {{ unknown_codes([
            {'field': 'party_type', 'code': 'named.person_type_code', 'meaning': 'named.party_type'},
            {'field': 'language_code', 'code': 'named.language_code', 'meaning': 'languages.language'},
            {
                'field': 'has_life_support',
                'code': 'named.life_support_code',
                'meaning': 'life_support_codes.life_support'
            },
            {'field': 'mailing_country', 'code': 'premises.country_code', 'meaning': 'countries.country'}
        ]) }} || coalesce(contact_details.unknown_codes, []) as unknown_codes
    from named
    left join languages
        on named.language_code = languages.language_code
    left join life_support_codes
        on named.life_support_code = life_support_codes.life_support_code
    left join contact_details
        on named.person_id = contact_details.person_id
    left join mailing_premises
        on named.person_id = mailing_premises.person_id
    left join premises
        on mailing_premises.mailing_premise_id = premises.premise_id
    left join countries
        on premises.country_code = countries.country_code
)

select * from final
