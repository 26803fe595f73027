with checked as (
    select * from {{ ref('int_canonical__parties') }}
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
        email,
        phone,
        mobile,
        mailing_street,
        mailing_unit,
        mailing_city,
        mailing_state,
        mailing_postal_code,
        mailing_country,
        is_archived,
        last_updated_at,
        through_sequence
    from checked
    where {{ is_good() }}
)

select * from final
