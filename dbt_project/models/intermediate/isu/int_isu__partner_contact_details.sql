-- One row a partner with an address: the standard address (of several, the lowest; of none, the first), and how the
-- partner is reached there: the default entry of each kind, else the first.
with partner_addresses as (
    select
        client,
        partner_id,
        address_id,
        last_updated_at,
        _load_sequence
    from {{ ref('int_isu__latest_partner_addresses') }}
    where not is_deleted
    qualify row_number() over (
        partition by client, partner_id
        order by is_standard_address desc, address_id asc
    ) = 1
),

phone_kinds as (
    select * from {{ ref('isu_phone_kinds') }}
),

phones as (
    select
        phones.*,
        -- a number nobody marked is a landline
        case when phones.phone_kind_code is null then 'phone' else phone_kinds.phone_kind end as phone_kind,
        case when phones.is_default then '0' else '1' end || phones.sequence_number as preference
    from {{ ref('int_isu__latest_phones') }} as phones
    left join phone_kinds
        on phones.phone_kind_code = phone_kinds.phone_kind_code
),

phones_of_address as (
    select
        client,
        address_id,
        arg_min(phone_number, preference) filter (where phone_kind = 'phone' and not is_deleted) as phone,
        arg_min(phone_number, preference) filter (where phone_kind = 'mobile' and not is_deleted) as mobile,
        list_sort(
            list(distinct 'contact_route=' || phone_kind_code) filter (where phone_kind is null and not is_deleted)
        ) as unknown_codes,
        max(last_updated_at) as last_updated_at,
        max(_load_sequence) as through_sequence
    from phones
    group by client, address_id
),

emails_of_address as (
    select
        client,
        address_id,
        arg_min(email, case when is_default then '0' else '1' end || sequence_number) filter (
            where not is_deleted
        ) as email,
        max(last_updated_at) as last_updated_at,
        max(_load_sequence) as through_sequence
    from {{ ref('int_isu__latest_emails') }}
    group by client, address_id
),

addresses as (
    select * from {{ ref('int_isu__current_addresses') }}
),

final as (
    select
        partner_addresses.client,
        partner_addresses.partner_id,

        emails_of_address.email,
        phones_of_address.phone,
        phones_of_address.mobile,

        addresses.street,
        addresses.unit,
        addresses.city,
        addresses.state,
        addresses.postal_code,
        addresses.country,

        coalesce(phones_of_address.unknown_codes, []) as unknown_codes,
        greatest(
            partner_addresses.last_updated_at,
            emails_of_address.last_updated_at,
            phones_of_address.last_updated_at,
            addresses.last_updated_at
        ) as last_updated_at,
        greatest(
            partner_addresses._load_sequence,
            emails_of_address.through_sequence,
            phones_of_address.through_sequence,
            addresses._load_sequence
        ) as through_sequence
    from partner_addresses
    left join emails_of_address
        on
            partner_addresses.client = emails_of_address.client
            and partner_addresses.address_id = emails_of_address.address_id
    left join phones_of_address
        on
            partner_addresses.client = phones_of_address.client
            and partner_addresses.address_id = phones_of_address.address_id
    left join addresses
        on
            partner_addresses.client = addresses.client
            and partner_addresses.address_id = addresses.address_id
)

select * from final
