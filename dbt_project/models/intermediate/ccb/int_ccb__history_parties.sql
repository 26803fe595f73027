-- A person's name is a row of its own with its own changes: a period begins whenever either changes.
with persons as (
    {{ periods_of(
        ref('stg_ccb__persons'), ['person_id'], ['person_type_code', 'language_code', 'life_support_code']
    ) | indent(4) }}
),

names as (
    {{ periods_of(
        ref('stg_ccb__person_names'), ['person_id', 'name_sequence'], ['person_name', 'name_type_code']
    ) | indent(4) }}
),

person_types as (
    select * from {{ ref('ccb_person_types') }}
),

languages as (
    select * from {{ ref('ccb_languages') }}
),

life_support_codes as (
    select * from {{ ref('ccb_life_support_codes') }}
),

moments as (
    select
        person_id,
        valid_from
    from persons
    union
    select
        person_id,
        valid_from
    from names
),

primary_names as (
    select
        moments.person_id,
        moments.valid_from,
        names.person_name,
        {{ text_value("substr(names.person_name, instr(names.person_name, ',') + 1)") }} as after_comma,
        {{ text_value("split_part(names.person_name, ',', 1)") }} as before_comma,
        names.through_sequence
    from moments
    inner join names
        on
            moments.person_id = names.person_id
            and {{ is_valid_at('names', 'moments.valid_from') }}
    where names.name_type_code = 'PRIM'
    qualify row_number() over (partition by moments.person_id, moments.valid_from order by names.name_sequence) = 1
),

described as (
    select
        moments.person_id,
        moments.valid_from as changed_at,
        person_types.party_type,
        case
            when person_types.party_type = 'person' and contains(primary_names.person_name, ',')
                then concat_ws(' ', primary_names.after_comma, primary_names.before_comma)
            else primary_names.person_name
        end as party_name,
        languages.language as language_code,
        life_support_codes.has_life_support,
        greatest(persons.through_sequence, primary_names.through_sequence) as through_sequence
    from moments
    inner join persons
        on
            moments.person_id = persons.person_id
            and {{ is_valid_at('persons', 'moments.valid_from') }}
    left join primary_names
        on
            moments.person_id = primary_names.person_id
            and moments.valid_from = primary_names.valid_from
    left join person_types
        on persons.person_type_code = person_types.person_type_code
    left join languages
        on persons.language_code = languages.language_code
    left join life_support_codes
        on persons.life_support_code = life_support_codes.life_support_code
),

changes as (
    select *
    from described
    qualify
        row(party_type, party_name, language_code, has_life_support) is distinct from
        lag(row(party_type, party_name, language_code, has_life_support))
            over (partition by person_id order by changed_at)
),

final as (
    select
        {{ external_id('CCB', 'PER', 'person_id') }} as party_key,
        changed_at as valid_from,
        lead(changed_at) over (partition by person_id order by changed_at) as valid_to,
        'CCB' as source_system,
        person_id as native_id,

        party_type,
        left(party_name, 255) as party_name,
        language_code,
        has_life_support,
        false as is_archived,

        through_sequence
    from changes
)

select * from final
