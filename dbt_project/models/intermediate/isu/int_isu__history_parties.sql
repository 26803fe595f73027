with partners as (
    {{ periods_of(
        ref('stg_isu__business_partners'),
        ['client', 'partner_id'],
        [
            'partner_type_code', 'first_name', 'last_name', 'organisation_name_1', 'organisation_name_2',
            'organisation_name_3', 'organisation_name_4', 'language_code', 'life_support_code', 'is_archive_flagged',
            'is_blocked'
        ],
        is_deleted='is_deleted'
    ) | indent(4) }}
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

named as (
    select
        partners.*,
        partner_types.party_type,
        nullif(concat_ws(' ', partners.first_name, partners.last_name), '') as person_name,
        nullif(
            concat_ws(
                ' ',
                partners.organisation_name_1,
                partners.organisation_name_2,
                partners.organisation_name_3,
                partners.organisation_name_4
            ),
            ''
        ) as organisation_name
    from partners
    left join partner_types
        on partners.partner_type_code = partner_types.partner_type_code
),

final as (
    select
        {{ external_id('ISU', 'BP', 'named.partner_id', client='named.client') }} as party_key,
        named.valid_from,
        named.valid_to,
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
        languages.language as language_code,
        life_support_codes.has_life_support,
        named.is_archive_flagged or named.is_blocked as is_archived,

        named.through_sequence
    from named
    left join languages
        on named.language_code = languages.language_code
    left join life_support_codes
        on named.life_support_code = life_support_codes.life_support_code
)

select * from final
