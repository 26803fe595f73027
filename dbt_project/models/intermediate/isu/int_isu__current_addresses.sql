-- One row an address: the version in force today, or the first to come where none is yet.
with addresses as (
    select
        *,
        coalesce(valid_from_date <= {{ as_of() }}, true) as is_in_force
    from {{ ref('int_isu__latest_addresses') }}
    where not is_deleted
),

final as (
    select
        client,
        address_id,
        nullif(
            {% if var('isu_house_number_first') -%}
            concat_ws(' ', house_number, street_name),
            {%- else -%}
            concat_ws(' ', street_name, house_number),
            {%- endif %}
            ''
        ) as street,
        house_number_supplement as unit,
        city_name as city,
        region_code as state,
        postal_code,
        country_code as country,
        last_updated_at,
        _load_sequence
    from addresses
    qualify row_number() over (
        partition by client, address_id
        order by
            is_in_force desc,
            case when is_in_force then valid_from_date end desc nulls last,
            valid_from_date
    ) = 1
)

select * from final
