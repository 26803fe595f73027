with premises as (
    select *
    from {{ ref('int_canonical__premises') }}
    where {{ is_good() }} and not is_parent
),

final as (
    select
        premise_key,
        source_system,
        native_id,
        parent_premise_key,
        is_parent,
        premise_type,
        premise_name,
        street,
        unit,
        city,
        state,
        postal_code,
        country,
        latitude,
        longitude,
        time_zone,
        last_updated_at,
        through_sequence
    from premises
)

select * from final
