with checked as (
    select * from {{ ref('int_canonical__contacts') }}
),

final as (
    select
        contact_key,
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
        through_sequence
    from checked
    where {{ is_good() }}
)

select * from final
