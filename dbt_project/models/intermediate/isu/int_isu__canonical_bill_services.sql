{{ config(materialized='table') }}

-- Read by bills, their services and the year's usage of an agreement, so it is worked out once.
-- What a bill says of each contract on it.
with services as (
    select * from {{ ref('int_isu__bill_contracts') }}
),

contracts as (
    select * from {{ ref('int_isu__latest_contracts') }}
    where not is_deleted
),

divisions as (
    select * from {{ ref('isu_divisions') }}
),

final as (
    select
        {{ external_id(
            'ISU', 'BSV', 'services.print_document_id', 'services.contract_id', client='services.client'
        ) }} as bill_service_key,
        'ISU' as source_system,
        services.print_document_id || '|' || services.contract_id as native_id,
        {{ external_id('ISU', 'BILL', 'services.print_document_id', client='services.client') }} as bill_key,
        {{ external_id(
            'ISU', 'VK', 'coalesce(services.account_id, contracts.account_id)', client='services.client'
        ) }} as billing_account_key,
        {{ external_id('ISU', 'CTR', 'services.contract_id', client='services.client') }} as service_agreement_key,

        divisions.commodity,
        services.usage_quantity::decimal(28, 6) as usage_quantity,
        services.usage_unit,
        (services.period_end_date - services.period_start_date + {{ var('isu_end_date_is_billed') }})::integer as days,
        services.amount::decimal(18, 2) as amount_usd,
        services.period_start_date,
        services.period_end_date,
        services.is_estimated,

        services.last_updated_at,
        services.through_sequence,
        {{ unknown_codes([
            {'field': 'commodity', 'code': 'contracts.division_code', 'meaning': 'divisions.commodity'}
        ]) }} || services.unknown_codes as unknown_codes
    from services
    left join contracts
        on services.client = contracts.client and services.contract_id = contracts.contract_id
    left join divisions
        on contracts.division_code = divisions.division_code
)

select * from final
