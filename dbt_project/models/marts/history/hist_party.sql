with periods as (
    {{ history_rows('parties') | indent(4) }}
),

final as (
    select
        party_key,
        valid_from,
        valid_to,
        valid_to is null as is_current,
        source_system,
        native_id,
        party_type,
        party_name,
        language_code,
        has_life_support,
        is_archived,
        through_sequence
    from periods
)

select * from final
