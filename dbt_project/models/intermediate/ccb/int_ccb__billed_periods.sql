{{ config(materialized='table') }}

-- What each agreement was billed for in a period, as far back as the bills go.
with segments as (
    select * from {{ ref('int_ccb__billed_segments') }}
),

amounts as (
    select
        transactions.sibling_id as bill_segment_id,
        sum(transactions.current_amount) as amount,
        max(transactions.last_updated_at) as last_updated_at,
        max(transactions._load_sequence) as through_sequence
    from {{ ref('int_ccb__latest_financial_transactions') }} as transactions
    inner join {{ ref('ccb_transaction_types') }} as transaction_types
        on transactions.transaction_type_code = transaction_types.transaction_type_code
    where transactions.is_frozen and transaction_types.is_in_bill_total
    group by transactions.sibling_id
),

quantities as (
    select
        quantities.bill_segment_id,
        units.main_energy_of as commodity,
        sum(quantities.billed_quantity) as usage_quantity,
        min(units.unit) as usage_unit,
        max(quantities.last_updated_at) as last_updated_at,
        max(quantities._load_sequence) as through_sequence
    from {{ ref('int_ccb__latest_bill_segment_quantities') }} as quantities
    inner join {{ ref('ccb_billed_units') }} as units
        on quantities.unit_code = units.unit_code
    where
        quantities.time_of_use_code is null
        and quantities.quantity_identifier_code is null
        and units.main_energy_of is not null
    group by quantities.bill_segment_id, units.main_energy_of
),

final as (
    select
        segments.service_agreement_id,
        segments.period_start_date,
        segments.boundary_date,
        min(segments.account_id) as account_id,
        min(segments.commodity) as commodity,
        not bool_or(segments.stands) as is_cancelled,
        coalesce(bool_or(segments.is_estimated) filter (where segments.stands), false) as is_estimated,
        sum(quantities.usage_quantity) filter (where segments.stands) as usage_quantity,
        min(quantities.usage_unit) filter (where segments.stands) as usage_unit,
        sum(amounts.amount) as charge_amount,
        max(greatest(segments.last_updated_at, amounts.last_updated_at, quantities.last_updated_at)) as last_updated_at,
        max(
            greatest(segments.through_sequence, amounts.through_sequence, quantities.through_sequence)
        ) as through_sequence
    from segments
    left join amounts
        on segments.bill_segment_id = amounts.bill_segment_id
    left join quantities
        on segments.bill_segment_id = quantities.bill_segment_id and segments.commodity = quantities.commodity
    group by segments.service_agreement_id, segments.period_start_date, segments.boundary_date
)

select * from final
