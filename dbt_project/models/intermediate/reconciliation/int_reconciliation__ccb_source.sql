-- What CC&B's own tables say, counted and added up from every version of every row, without the models in between.
with persons as (
    {{ newest_versions(ref('stg_ccb__persons'), ['person_id']) }}
),

accounts as (
    {{ newest_versions(ref('stg_ccb__accounts'), ['account_id']) }}
),

account_persons as (
    {{ newest_versions(ref('stg_ccb__account_persons'), ['account_id', 'person_id']) }}
),

premises as (
    {{ newest_versions(ref('stg_ccb__premises'), ['premise_id']) }}
),

service_points as (
    {{ newest_versions(ref('stg_ccb__service_points'), ['service_point_id']) }}
),

meters as (
    {{ newest_versions(ref('stg_ccb__meters'), ['meter_id']) }}
),

agreement_types as (
    {{ newest_versions(ref('stg_ccb__service_agreement_types'), ['division_code', 'agreement_type_code']) }}
),

agreements as (
    {{ newest_versions(ref('stg_ccb__service_agreements'), ['service_agreement_id']) }}
),

-- deposits and other agreements of a special role are no contracts of the picture
special_agreements as (
    select agreements.service_agreement_id
    from agreements
    inner join agreement_types
        on
            agreements.division_code = agreement_types.division_code
            and agreements.agreement_type_code = agreement_types.agreement_type_code
    where agreement_types.special_role_code is not null
),

contracts as (
    select * from agreements
    anti join special_agreements
        on agreements.service_agreement_id = special_agreements.service_agreement_id
),

links as (
    {{ newest_versions(ref('stg_ccb__agreement_service_points'), ['agreement_service_point_id']) }}
),

contract_links as (
    select * from links
    anti join special_agreements
        on links.service_agreement_id = special_agreements.service_agreement_id
),

transactions as (
    {{ newest_versions(ref('stg_ccb__financial_transactions'), ['financial_transaction_id']) }}
),

frozen as (
    select
        transactions.*,
        agreements.account_id
    from transactions
    left join agreements
        on transactions.service_agreement_id = agreements.service_agreement_id
    where transactions.is_frozen
),

all_bills as (
    {{ newest_versions(ref('stg_ccb__bills'), ['bill_id']) }}
),

bills as (
    select * from all_bills
    where
        coalesce(bill_date >= {{ twelve_months_back() }}, true)
        and bill_status_code is distinct from 'P'
),

charges as (
    select
        bills.account_id,
        frozen.service_agreement_id,
        frozen.current_amount
    from frozen
    inner join bills
        on frozen.parent_id = bills.bill_id
    where frozen.transaction_type_code in ('BS', 'BX')
),

segments as (
    {{ newest_versions(ref('stg_ccb__bill_segments'), ['bill_segment_id']) }}
),

-- incomplete, in error or freezable: no segment yet; one of a bill nobody knows is one all the same
services as (
    select distinct
        coalesce(bills.account_id, agreements.account_id) as account_id,
        segments.bill_id,
        segments.service_agreement_id
    from segments
    left join bills
        on segments.bill_id = bills.bill_id
    left join all_bills
        on segments.bill_id = all_bills.bill_id
    left join agreements
        on segments.service_agreement_id = agreements.service_agreement_id
    anti join special_agreements
        on segments.service_agreement_id = special_agreements.service_agreement_id
    where
        coalesce(segments.bill_segment_status_code not in ('10', '20', '30'), true)
        and (
            bills.bill_id is not null
            or (all_bills.bill_id is null and segments.period_end_date >= {{ twelve_months_back() }})
        )
),

service_charges as (
    select * from charges
    anti join special_agreements
        on charges.service_agreement_id = special_agreements.service_agreement_id
),

all_payments as (
    {{ newest_versions(ref('stg_ccb__payments'), ['payment_id']) }}
),

-- incomplete, in error or freezable: no payment yet
payments as (
    select * from all_payments
    where
        coalesce(payment_date >= {{ twelve_months_back() }}, true)
        and coalesce(payment_status_code not in ('10', '20', '30'), true)
),

totals as (
    {{ source_rows('party', 'persons', 'person_id') }}
    union all
    {{ source_rows('contact', 'persons', 'person_id', "person_type_code = 'P'") }}
    union all
    {{ source_rows('billing_account', 'accounts', 'account_id') }}
    union all
    {{ source_amounts('billing_account', 'balance_usd', 'frozen', 'account_id', 'current_amount', 'not is_redundant') }}
    union all
    {{ source_rows('account_role', 'account_persons', 'account_id') }}
    union all
    {{ source_rows('premise', 'premises', 'premise_id') }}
    union all
    {{ source_rows('service_point', 'service_points', 'service_point_id') }}
    union all
    {{ source_rows('device', 'meters', 'meter_id') }}
    union all
    {{ source_rows('service_agreement', 'contracts', 'account_id') }}
    union all
    {{ source_rows('agreement_item', 'contract_links', 'agreement_service_point_id') }}
    union all
    {{ source_rows('bill', 'bills', 'account_id') }}
    union all
    {{ source_amounts('bill', 'charges_usd', 'charges', 'account_id', 'current_amount') }}
    union all
    {{ source_rows('bill_service', 'services', 'account_id') }}
    union all
    {{ source_amounts('bill_service', 'charges_usd', 'service_charges', 'account_id', 'current_amount') }}
    union all
    {{ source_rows('payment', 'payments', 'account_id') }}
    union all
    {{ source_amounts('payment', 'paid_usd', 'payments', 'account_id', 'payment_amount') }}
),

final as (
    select
        'CCB' as source_system,
        entity,
        measure,
        coalesce(native_id, '?') as native_id,
        amount
    from totals
)

select * from final
