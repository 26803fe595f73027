-- Natural persons of every system. That an address is malformed is said of the party, not again of its contact.
with contacts as (
    {{ canonical_rows('contacts') | indent(4) }}
),

parties as (
    select party_key
    from {{ ref('int_canonical__parties') }}
    where {{ is_good() }}
),

duplicates as (
    select contact_key
    from contacts
    group by contact_key
    having count(*) > 1
),

final as (
    select
        contacts.contact_key,
        contacts.source_system,
        contacts.native_id,
        contacts.party_key,

        contacts.first_name,
        contacts.last_name,
        contacts.language_code,

        {{ email_value('contacts.email') }} as email,
        {{ e164('contacts.phone') }} as phone,
        {{ e164('contacts.mobile') }} as mobile,

        contacts.last_updated_at,
        contacts.through_sequence,
        {{ faults([
            {'when': 'duplicates.contact_key is not null', 'code': 'contact.duplicate_key', 'field': 'contact_key'},
            {'when': 'contacts.last_name is null', 'code': 'contact.required_missing', 'field': 'last_name'},
            {
                'when': 'parties.party_key is null',
                'code': 'contact.orphan',
                'field': 'party_key',
                'detail': 'contacts.party_key'
            }
        ], entity='contact', unknown_codes='contacts.unknown_codes') }} as faults
    from contacts
    left join duplicates
        on contacts.contact_key = duplicates.contact_key
    left join parties
        on contacts.party_key = parties.party_key
)

select * from final
