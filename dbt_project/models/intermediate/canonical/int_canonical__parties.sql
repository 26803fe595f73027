-- Persons and businesses of every system, and the utility itself, who owns what nobody has an agreement for.
with parties as (
    {{ canonical_rows('parties') | indent(4) }}
),

utility as (
    select
        'SYS|ACCT|UTILITY' as party_key,
        'SYS' as source_system,
        'UTILITY' as native_id,
        'organisation' as party_type,
        '{{ var("utility_name") | replace("'", "''") }}' as party_name,
        false as is_archived,
        0::bigint as through_sequence,
        []::varchar[] as unknown_codes
),

everybody as (
    select * from parties
    union all by name
    select * from utility
),

duplicates as (
    select party_key
    from everybody
    group by party_key
    having count(*) > 1
),

checked as (
    select
        everybody.*,
        duplicates.party_key is not null as is_duplicate,
        {{ email_value('everybody.email') }} as good_email,
        {{ e164('everybody.phone') }} as good_phone,
        {{ e164('everybody.mobile') }} as good_mobile
    from everybody
    left join duplicates
        on everybody.party_key = duplicates.party_key
),

final as (
    select
        party_key,
        source_system,
        native_id,

        party_type,
        party_name,
        first_name,
        last_name,
        language_code,
        has_life_support,

        good_email as email,
        good_phone as phone,
        good_mobile as mobile,

        mailing_street,
        mailing_unit,
        mailing_city,
        mailing_state,
        mailing_postal_code,
        mailing_country,

        is_archived,

        last_updated_at,
        through_sequence,
        {{ faults([
            {'when': 'is_duplicate', 'code': 'party.duplicate_key', 'field': 'party_key'},
            {'when': 'party_name is null', 'code': 'party.required_missing', 'field': 'party_name'},
            {
                'when': "party_type is null and not contains(array_to_string(unknown_codes, ' '), 'party_type=')",
                'code': 'party.required_missing',
                'field': 'party_type'
            },
            {
                'when': 'email is not null and good_email is null',
                'code': 'party.email_invalid',
                'field': 'email',
                'blocks': false
            },
            {
                'when': 'phone is not null and good_phone is null',
                'code': 'party.phone_invalid',
                'field': 'phone',
                'blocks': false
            },
            {
                'when': 'mobile is not null and good_mobile is null',
                'code': 'party.phone_invalid',
                'field': 'mobile',
                'blocks': false
            }
        ], entity='party', warns=['contact_route', 'mailing_country']) }} as faults
    from checked
)

select * from final
