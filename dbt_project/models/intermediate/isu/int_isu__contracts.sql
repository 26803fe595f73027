-- Contracts with what their dates and their installation say of them today. SAP gives no status: moved in and not out
-- is active. The rate is that of the installation's slice today, or on the contract's nearest day where today is none.
with contracts as (
    select
        * exclude (unread_dates),
        list_filter(unread_dates, lambda unread: starts_with(unread, 'move_')) as unread_dates
    from {{ ref('int_isu__latest_contracts') }}
    where not is_deleted and not is_deletion_flagged
),

divisions as (
    select * from {{ ref('isu_divisions') }}
),

installations as (
    select * from {{ ref('int_isu__latest_installations') }}
    where not is_deleted
),

slices as (
    select * from {{ ref('int_isu__latest_installation_slices') }}
    where not is_deleted
),

reading_units as (
    select * from {{ ref('isu_reading_units') }}
),

dated as (
    select
        *,
        case
            when len(unread_dates) > 0 then null
            -- a move that was taken back leaves no date
            when move_in_date is null or (move_out_date is null and not is_open_ended) then 'cancelled'
            when move_in_date > {{ as_of() }} then 'pending'
            when move_out_date < {{ as_of() }} then 'ended'
            else 'active'
        end as dates_status,
        least(greatest({{ as_of() }}, move_in_date), move_out_date) as rate_date
    from contracts
),

final as (
    select
        dated.client,
        dated.contract_id,
        dated.account_id,
        dated.installation_id,
        dated.legacy_number,

        dated.division_code,
        divisions.commodity,
        case
            when
                {{ var('suspend_disconnected_agreements') }}
                and dated.dates_status = 'active'
                and installations.is_disconnected
                then 'suspended'
            else dated.dates_status
        end as agreement_status,
        slices.rate_category_code,
        slices.reading_unit_code,
        reading_units.bill_frequency,

        dated.move_in_date,
        dated.move_out_date,
        dated.unread_dates,

        greatest(
            dated.last_updated_at, slices.last_updated_at, installations.last_updated_at
        ) as last_updated_at,
        greatest(dated._load_sequence, slices._load_sequence, installations._load_sequence) as through_sequence
    from dated
    left join divisions
        on dated.division_code = divisions.division_code
    left join installations
        on dated.client = installations.client and dated.installation_id = installations.installation_id
    left join slices
        on
            dated.client = slices.client
            and dated.installation_id = slices.installation_id
            and dated.rate_date >= coalesce(slices.slice_start_date, date '0001-01-01')
            and dated.rate_date <= coalesce(slices.slice_end_date, date '9999-12-31')
    left join reading_units
        on slices.reading_unit_code = reading_units.reading_unit_code
    qualify row_number() over (
        partition by dated.client, dated.contract_id
        order by slices.slice_start_date desc nulls last, slices.slice_end_key desc
    ) = 1
)

select * from final
