-- One row a person with contact details in use: the active, primary one of each kind; of several, the lowest id.
with details as (
    select * from {{ ref('int_ccb__latest_person_contacts') }}
),

routes as (
    select * from {{ ref('ccb_contact_routes') }}
),

flags as (
    select * from {{ ref('ccb_contact_flags') }}
),

in_use as (
    select
        details.person_id,
        details.contact_detail_id,
        details.contact_route_code,
        routes.contact_kind,
        details.contact_value
    from details
    inner join flags as activity
        on details.activity_flag_code = activity.contact_flag_code and activity.contact_flag = 'active'
    inner join flags as preference
        on details.primary_flag_code = preference.contact_flag_code and preference.contact_flag = 'primary'
    left join routes
        on details.contact_route_code = routes.contact_route_code
),

chosen as (
    select
        person_id,
        arg_min(contact_value, contact_detail_id) filter (where contact_kind = 'email') as email,
        arg_min(contact_value, contact_detail_id) filter (where contact_kind = 'phone') as phone,
        arg_min(contact_value, contact_detail_id) filter (where contact_kind = 'mobile') as mobile,
        list_sort(
            list(distinct 'contact_route=' || contact_route_code) filter (where contact_kind is null)
        ) as unknown_codes
    from in_use
    group by person_id
),

-- a detail that was switched off changes its person, too
changes as (
    select
        person_id,
        max(last_updated_at) as last_updated_at,
        max(_load_sequence) as through_sequence
    from details
    group by person_id
),

final as (
    select
        changes.person_id,
        chosen.email,
        chosen.phone,
        chosen.mobile,
        coalesce(chosen.unknown_codes, []) as unknown_codes,
        changes.last_updated_at,
        changes.through_sequence
    from changes
    left join chosen
        on changes.person_id = chosen.person_id
)

select * from final
