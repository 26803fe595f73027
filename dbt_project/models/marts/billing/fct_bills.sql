{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['bill_id']
) }}

-- Bills are recomputed whole. Which ones: every bill that any version of a new row, or of the row it replaces, belongs
-- to, so that a segment or a transaction that moved touches the bill it left as well.
with bill_versions as (
    select * from {{ ref('stg_ccb__bills') }}
),

segment_versions as (
    select * from {{ ref('stg_ccb__bill_segments') }}
),

quantity_versions as (
    select * from {{ ref('stg_ccb__bill_segment_quantities') }}
),

-- Bill amounts are the bill segment transactions; their parent is the bill.
transaction_versions as (
    select transactions.*
    from {{ ref('stg_ccb__financial_transactions') }} as transactions
    semi join {{ ref('ccb_transaction_types') }} as types
        on transactions.transaction_type_code = types.transaction_type_code and types.is_in_bill_total
),

{% if is_incremental() %}
touched_segments as (
    select bill_segment_id
    from segment_versions
    where {{ is_new_row() }}
    union
    select bill_segment_id
    from quantity_versions
    where {{ is_new_row() }}
),

touched_transactions as (
    select financial_transaction_id
    from {{ ref('stg_ccb__financial_transactions') }}
    where {{ is_new_row() }}
),

touched_bills as (
    select bill_id
    from bill_versions
    where {{ is_new_row() }}
    union
    select segment_versions.bill_id
    from segment_versions
    semi join touched_segments
        on segment_versions.bill_segment_id = touched_segments.bill_segment_id
    union
    select transaction_versions.parent_id as bill_id
    from transaction_versions
    semi join touched_transactions
        on transaction_versions.financial_transaction_id = touched_transactions.financial_transaction_id
),
{% else %}
touched_bills as (
    select distinct bill_id from bill_versions
),
{% endif %}

bills as (
    select bill_versions.*
    from bill_versions
    semi join touched_bills
        on bill_versions.bill_id = touched_bills.bill_id
    qualify row_number() over (partition by bill_versions.bill_id order by {{ newest_first() }}) = 1
),

-- The newest version decides which bill a segment belongs to, so all versions of a candidate take part.
candidate_segments as (
    select distinct segment_versions.bill_segment_id
    from segment_versions
    semi join touched_bills
        on segment_versions.bill_id = touched_bills.bill_id
),

segments as (
    select segment_versions.*
    from segment_versions
    semi join candidate_segments
        on segment_versions.bill_segment_id = candidate_segments.bill_segment_id
    qualify row_number() over (partition by segment_versions.bill_segment_id order by {{ newest_first() }}) = 1
),

quantities as (
    select quantity_versions.*
    from quantity_versions
    semi join candidate_segments
        on quantity_versions.bill_segment_id = candidate_segments.bill_segment_id
    qualify row_number() over (
        partition by
            quantity_versions.bill_segment_id,
            quantity_versions.unit_code,
            quantity_versions.time_of_use_code,
            quantity_versions.quantity_identifier_code
        order by {{ newest_first() }}
    ) = 1
),

candidate_transactions as (
    select distinct transaction_versions.financial_transaction_id
    from transaction_versions
    semi join touched_bills
        on transaction_versions.parent_id = touched_bills.bill_id
),

transactions as (
    select newest.*
    from (
        select versions.*
        from {{ ref('stg_ccb__financial_transactions') }} as versions
        semi join candidate_transactions
            on versions.financial_transaction_id = candidate_transactions.financial_transaction_id
        qualify row_number() over (
            partition by versions.financial_transaction_id order by {{ newest_first() }}
        ) = 1
    ) as newest
    semi join {{ ref('ccb_transaction_types') }} as types
        on newest.transaction_type_code = types.transaction_type_code and types.is_in_bill_total
),

billed_quantities as (
    select
        quantities.bill_segment_id,
        sum(quantities.billed_quantity) filter (where units.unit = 'kWh') as billed_usage_kwh,
        sum(quantities.billed_quantity) filter (where units.unit = 'ccf') as billed_usage_ccf,
        max(quantities._load_sequence) as through_sequence,
        max(quantities.last_updated_at) as last_updated_at
    from quantities
    left join {{ ref('ccb_billed_units') }} as units
        on
            quantities.unit_code = units.unit_code
            -- demand, time-of-use and identified slices repeat the same energy
            and quantities.time_of_use_code is null
            and quantities.quantity_identifier_code is null
    group by quantities.bill_segment_id
),

segments_of_bill as (
    select
        segments.bill_id,
        count(*) as segment_count,
        count(*) filter (where statuses.bill_segment_status = 'frozen') as frozen_segment_count,
        count(*) filter (where statuses.bill_segment_status = 'cancelled') as cancelled_segment_count,
        count(distinct segments.service_agreement_id) as agreement_count,
        coalesce(
            bool_or(segments.is_estimated) filter (where statuses.bill_segment_status = 'frozen'), false
        ) as is_estimated,
        coalesce(
            bool_or(segments.is_closing) filter (where statuses.bill_segment_status = 'frozen'), false
        ) as is_final,
        coalesce(
            min(segments.period_start_date) filter (where statuses.bill_segment_status = 'frozen'),
            min(segments.period_start_date)
        ) as period_start_date,
        coalesce(
            max(segments.period_end_date) filter (where statuses.bill_segment_status = 'frozen'),
            max(segments.period_end_date)
        ) as period_end_date,
        sum(case when statuses.bill_segment_status = 'frozen' then billed_quantities.billed_usage_kwh end)
            as billed_usage_kwh,
        sum(case when statuses.bill_segment_status = 'frozen' then billed_quantities.billed_usage_ccf end)
            as billed_usage_ccf,
        max(greatest(segments._load_sequence, billed_quantities.through_sequence)) as through_sequence,
        max(greatest(segments.last_updated_at, billed_quantities.last_updated_at)) as last_updated_at
    from segments
    left join billed_quantities
        on segments.bill_segment_id = billed_quantities.bill_segment_id
    left join {{ ref('ccb_bill_segment_statuses') }} as statuses
        on segments.bill_segment_status_code = statuses.bill_segment_status_code
    group by segments.bill_id
),

transactions_of_bill as (
    select
        parent_id as bill_id,
        count(*) filter (where is_frozen) as transaction_count,
        sum(current_amount) filter (where is_frozen) as current_amount,
        sum(total_amount) filter (where is_frozen) as total_amount,
        max(_load_sequence) as through_sequence,
        max(last_updated_at) as last_updated_at
    from transactions
    group by parent_id
),

final as (
    select
        bills.bill_id,
        bills.account_id,

        bills.bill_cycle_code,
        case
            when
                statuses.bill_status = 'issued'
                and segments_of_bill.segment_count = segments_of_bill.cancelled_segment_count
                then 'reversed'
            else statuses.bill_status
        end as bill_status,
        coalesce(bills.is_adhoc, false) as is_adhoc,
        coalesce(segments_of_bill.is_estimated, false) as is_estimated,
        coalesce(segments_of_bill.is_final, false) as is_final,

        transactions_of_bill.current_amount::decimal(18, 2) as current_amount_usd,
        transactions_of_bill.total_amount::decimal(18, 2) as total_amount_usd,
        segments_of_bill.billed_usage_kwh::decimal(28, 6) as billed_usage_kwh,
        segments_of_bill.billed_usage_ccf::decimal(28, 6) as billed_usage_ccf,
        coalesce(segments_of_bill.segment_count, 0)::integer as segment_count,
        coalesce(segments_of_bill.frozen_segment_count, 0)::integer as frozen_segment_count,
        coalesce(segments_of_bill.cancelled_segment_count, 0)::integer as cancelled_segment_count,
        coalesce(segments_of_bill.agreement_count, 0)::integer as agreement_count,
        coalesce(transactions_of_bill.transaction_count, 0)::integer as transaction_count,

        bills.bill_date,
        bills.due_date,
        segments_of_bill.period_start_date,
        segments_of_bill.period_end_date,
        bills.completed_at,
        greatest(
            bills.last_updated_at, segments_of_bill.last_updated_at, transactions_of_bill.last_updated_at
        ) as last_updated_at,
        greatest(
            bills._load_sequence, segments_of_bill.through_sequence, transactions_of_bill.through_sequence
        ) as through_sequence
    from bills
    left join segments_of_bill
        on bills.bill_id = segments_of_bill.bill_id
    left join transactions_of_bill
        on bills.bill_id = transactions_of_bill.bill_id
    left join {{ ref('ccb_bill_statuses') }} as statuses
        on bills.bill_status_code = statuses.bill_status_code
)

select * from final
