-- One row a natural person: the same persons as parties, as somebody who can be written to or called.
with parties as (
    select * from {{ ref('int_ccb__canonical_parties') }}
),

final as (
    select
        {{ external_id('CCB', 'PERC', 'native_id') }} as contact_key,
        source_system,
        native_id,
        party_key,
        first_name,
        last_name,
        language_code,
        email,
        phone,
        mobile,
        last_updated_at,
        through_sequence,
        []::varchar[] as unknown_codes
    from parties
    where party_type = 'person'
)

select * from final
