-- Persons and organisations, whose names stand in different columns. A group is an organisation.
with partners as (
    select * from {{ ref('int_isu__latest_business_partners') }}
    where not is_deleted
),

partner_types as (
    select * from {{ ref('isu_partner_types') }}
),

languages as (
    select * from {{ ref('isu_languages') }}
),

life_support_codes as (
    select * from {{ ref('isu_life_support_codes') }}
),

contact_details as (
    select * from {{ ref('int_isu__partner_contact_details') }}
),

named as (
    select
        partners.*,
        partner_types.party_type,
        nullif(
            concat_ws(
                ' ',
                partners.organisation_name_1,
                partners.organisation_name_2,
                partners.organisation_name_3,
                partners.organisation_name_4
            ),
            ''
        ) as organisation_name,
        nullif(concat_ws(' ', partners.first_name, partners.last_name), '') as person_name
    from partners
    left join partner_types
        on partners.partner_type_code = partner_types.partner_type_code
),

final as (
    select
        {{ external_id('ISU', 'BP', 'named.partner_id', client='named.client') }} as party_key,
        'ISU' as source_system,
        named.partner_id as native_id,

        named.party_type,
        left(
            case
                when named.party_type = 'person' then named.person_name
                else coalesce(named.organisation_name, named.person_name)
            end,
            255
        ) as party_name,
        case when named.party_type = 'person' then named.first_name end as first_name,
        case when named.party_type = 'person' then named.last_name end as last_name,
        languages.language as language_code,
        life_support_codes.has_life_support,

        contact_details.email,
        contact_details.phone,
        contact_details.mobile,

        contact_details.street as mailing_street,
        contact_details.unit as mailing_unit,
        contact_details.city as mailing_city,
        contact_details.state as mailing_state,
        contact_details.postal_code as mailing_postal_code,
        contact_details.country as mailing_country,

        named.is_archive_flagged or named.is_blocked as is_archived,

        greatest(named.last_updated_at, contact_details.last_updated_at) as last_updated_at,
        greatest(named._load_sequence, contact_details.through_sequence) as through_sequence,
        {{ unknown_codes([
            {'field': 'party_type', 'code': 'named.partner_type_code', 'meaning': 'named.party_type'},
            {'field': 'language_code', 'code': 'named.language_code', 'meaning': 'languages.language'},
            {
                'field': 'has_life_support',
                'code': 'named.life_support_code',
                'meaning': 'life_support_codes.has_life_support'
            }
        ]) }} || coalesce(contact_details.unknown_codes, []) as unknown_codes
    from named
    left join languages
        on named.language_code = languages.language_code
    left join life_support_codes
        on named.life_support_code = life_support_codes.life_support_code
    left join contact_details
        on named.client = contact_details.client and named.partner_id = contact_details.partner_id
)

select * from final
