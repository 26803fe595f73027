{{ config(materialized='table') }}

-- Read by bills, their services and the year's usage of an agreement, so it is worked out once.
-- What a bill says of each agreement, all of them: those of special roles too, so that services add up to their bill.
-- Usage is the commodity's main unit without time of use and identifier: slices, demand and other units repeat it.
with bills as (
    select * from {{ ref('int_ccb__picture_bills') }}
),

known_bills as (
    select bill_id from {{ ref('int_ccb__latest_bills') }}
),

agreements as (
    select * from {{ ref('int_ccb__service_agreements') }}
),

transaction_types as (
    select * from {{ ref('ccb_transaction_types') }}
),

segment_statuses as (
    select * from {{ ref('ccb_bill_segment_statuses') }}
),

units as (
    select * from {{ ref('ccb_billed_units') }}
),

segments as (
    select
        segments.*,
        coalesce(bills.account_id, agreements.account_id) as account_id,
        agreements.commodity,
        segment_statuses.bill_segment_status,
        case
            when segment_statuses.bill_segment_status is null
                then 'bill_segment_status=' || segments.bill_segment_status_code
        end as unknown_status
    from {{ ref('int_ccb__latest_bill_segments') }} as segments
    left join bills
        on segments.bill_id = bills.bill_id
    left join known_bills
        on segments.bill_id = known_bills.bill_id
    left join agreements
        on segments.service_agreement_id = agreements.service_agreement_id
    left join segment_statuses
        on segments.bill_segment_status_code = segment_statuses.bill_segment_status_code
    where
        -- never was money: deleted and made again by the next run
        coalesce(segment_statuses.bill_segment_status not in ('incomplete', 'error', 'freezable'), true)
        and (
            bills.bill_id is not null
            -- of a bill nobody knows: an orphan, and said to be
            or (known_bills.bill_id is null and segments.period_end_date >= {{ twelve_months_back() }})
        )
),

amounts as (
    select
        transactions.sibling_id as bill_segment_id,
        sum(transactions.current_amount) as amount,
        max(transactions.last_updated_at) as last_updated_at,
        max(transactions._load_sequence) as through_sequence
    from {{ ref('int_ccb__latest_financial_transactions') }} as transactions
    inner join transaction_types
        on transactions.transaction_type_code = transaction_types.transaction_type_code
    semi join segments
        on transactions.sibling_id = segments.bill_segment_id
    where transactions.is_frozen and transaction_types.is_in_bill_total
    group by transactions.sibling_id
),

quantities as (
    select
        quantities.bill_segment_id,
        sum(quantities.billed_quantity) filter (where units.main_energy_of = segments.commodity) as usage_quantity,
        min(units.unit) filter (where units.main_energy_of = segments.commodity) as usage_unit,
        list_sort(
            list(distinct 'usage_unit=' || quantities.unit_code) filter (where units.unit is null)
        ) as unknown_codes
    from {{ ref('int_ccb__latest_bill_segment_quantities') }} as quantities
    inner join segments
        on quantities.bill_segment_id = segments.bill_segment_id
    left join units
        on quantities.unit_code = units.unit_code
    where
        quantities.time_of_use_code is null
        and quantities.quantity_identifier_code is null
        and segments.bill_segment_status = 'frozen'
    group by quantities.bill_segment_id
),

services as (
    select
        segments.bill_id,
        segments.service_agreement_id,
        min(segments.account_id) as account_id,
        min(segments.commodity) as commodity,
        sum(quantities.usage_quantity) as usage_quantity,
        min(quantities.usage_unit) as usage_unit,
        sum(amounts.amount) as amount,
        coalesce(
            min(segments.period_start_date) filter (where segments.bill_segment_status = 'frozen'),
            min(segments.period_start_date)
        ) as period_start_date,
        coalesce(
            max(segments.period_end_date) filter (where segments.bill_segment_status = 'frozen'),
            max(segments.period_end_date)
        ) as period_end_date,
        coalesce(
            bool_or(segments.is_estimated) filter (where segments.bill_segment_status = 'frozen'), false
        ) as is_estimated,
        max(greatest(segments.last_updated_at, amounts.last_updated_at)) as last_updated_at,
        max(greatest(segments._load_sequence, amounts.through_sequence)) as through_sequence,
        list(distinct segments.unknown_status) filter (where segments.unknown_status is not null) as unknown_statuses,
        list(quantities.unknown_codes) filter (where quantities.unknown_codes is not null) as unknown_units
    from segments
    left join amounts
        on segments.bill_segment_id = amounts.bill_segment_id
    left join quantities
        on segments.bill_segment_id = quantities.bill_segment_id
    group by segments.bill_id, segments.service_agreement_id
),

final as (
    select
        {{ external_id('CCB', 'BSA', 'bill_id', 'service_agreement_id') }} as bill_service_key,
        'CCB' as source_system,
        bill_id || '|' || service_agreement_id as native_id,
        {{ external_id('CCB', 'BILL', 'bill_id') }} as bill_key,
        {{ external_id('CCB', 'ACCT', 'account_id') }} as billing_account_key,
        {{ external_id('CCB', 'SA', 'service_agreement_id') }} as service_agreement_key,

        commodity,
        usage_quantity::decimal(28, 6) as usage_quantity,
        usage_unit,
        (period_end_date - period_start_date + {{ var('ccb_end_date_is_billed') }})::integer as days,
        amount::decimal(18, 2) as amount_usd,
        period_start_date,
        {{ last_day_of('period_start_date', 'period_end_date') }} as period_end_date,
        is_estimated,

        last_updated_at,
        through_sequence,
        list_sort(coalesce(unknown_statuses, []))
        || list_sort(list_distinct(coalesce(flatten(unknown_units), []))) as unknown_codes
    from services
)

select * from final
