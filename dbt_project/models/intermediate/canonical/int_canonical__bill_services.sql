-- What a bill says of each contract, in every system. Agreements of a special role are no contracts of the picture, so
-- what a bill says of them is left out with them, by the same rule.
with services as (
    {{ canonical_rows('bill_services') | indent(4) }}
),

non_revenue as (
    select {{ external_id('CCB', 'SA', 'service_agreement_id') }} as service_agreement_key
    from {{ ref('int_ccb__service_agreements') }}
    where not is_revenue
),

bills as (
    select bill_key
    from {{ ref('int_canonical__bills') }}
    where {{ is_good() }}
),

agreements as (
    select service_agreement_key
    from {{ ref('int_canonical__service_agreements') }}
    where {{ is_good() }}
),

duplicates as (
    select bill_service_key
    from services
    group by bill_service_key
    having count(*) > 1
),

final as (
    select
        services.bill_service_key,
        services.source_system,
        services.native_id,
        services.bill_key,
        services.billing_account_key,
        services.service_agreement_key,

        services.commodity,
        services.usage_quantity,
        services.usage_unit,
        services.days,
        services.amount_usd,
        services.period_start_date,
        services.period_end_date,
        services.is_estimated,

        services.last_updated_at,
        services.through_sequence,
        {{ faults([
            {
                'when': 'duplicates.bill_service_key is not null',
                'code': 'bill_service.duplicate_key',
                'field': 'bill_service_key'
            },
            {
                'when': 'bills.bill_key is null',
                'code': 'bill_service.orphan',
                'field': 'bill_key',
                'detail': 'services.bill_key'
            },
            {
                'when': 'agreements.service_agreement_key is null',
                'code': 'bill_service.orphan',
                'field': 'service_agreement_key',
                'detail': 'services.service_agreement_key'
            },
            {
                'when': 'services.amount_usd is null',
                'code': 'bill_service.required_missing',
                'field': 'amount_usd'
            },
            {
                'when': 'services.period_end_date < services.period_start_date',
                'code': 'bill_service.dates_backwards',
                'field': 'period_end_date'
            }
        ], entity='bill_service', unknown_codes='services.unknown_codes') }} as faults
    from services
    anti join non_revenue
        on services.service_agreement_key = non_revenue.service_agreement_key
    left join bills
        on services.bill_key = bills.bill_key
    left join agreements
        on services.service_agreement_key = agreements.service_agreement_key
    left join duplicates
        on services.bill_service_key = duplicates.bill_service_key
)

select * from final
