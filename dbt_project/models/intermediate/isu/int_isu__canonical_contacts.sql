-- One row a natural person: the same persons as parties, as somebody who can be written to or called.
with partners as (
    select * from {{ ref('int_isu__latest_business_partners') }}
    where not is_deleted
),

parties as (
    select * from {{ ref('int_isu__canonical_parties') }}
    where party_type = 'person'
),

final as (
    select
        {{ external_id('ISU', 'BPC', 'partners.partner_id', client='partners.client') }} as contact_key,
        parties.source_system,
        parties.native_id,
        parties.party_key,
        parties.first_name,
        parties.last_name,
        parties.language_code,
        parties.email,
        parties.phone,
        parties.mobile,
        parties.last_updated_at,
        parties.through_sequence,
        []::varchar[] as unknown_codes
    from partners
    inner join parties
        on {{ external_id('ISU', 'BP', 'partners.partner_id', client='partners.client') }} = parties.party_key
)

select * from final
