-- Contracts. They begin with the move-in, not with the contract's own begin, and end with the move-out.
with contracts as (
    select * from {{ ref('int_isu__contracts') }}
),

default_products as (
    select * from {{ ref('default_products') }}
),

final as (
    select
        {{ external_id('ISU', 'CTR', 'contract_id') }} as service_agreement_key,
        'ISU' as source_system,
        contracts.contract_id as native_id,
        {{ external_id('ISU', 'VK', 'account_id') }} as billing_account_key,
        coalesce(
            {{ external_id('ISU', 'TARIF', 'division_code', 'rate_category_code') }},
            {{ external_id('SYS', 'PROD', 'default_products.product_code') }}
        ) as product_key,

        contracts.commodity,
        contracts.agreement_status,
        case
            when contracts.agreement_status = 'cancelled' then null
            when contracts.move_out_date is not null then 'move_out'
            else 'move_in'
        end as status_reason,
        case
            when contracts.agreement_status in ('active', 'suspended') then contracts.move_in_date
            when contracts.agreement_status = 'ended' then contracts.move_out_date
        end as status_change_date,

        contracts.move_in_date as start_date,
        contracts.move_out_date as end_date,
        case
            when contracts.agreement_status in ('active', 'suspended', 'ended') then contracts.move_in_date
        end as activation_date,
        contracts.bill_frequency as billing_schedule,
        contracts.legacy_number,

        contracts.last_updated_at,
        contracts.through_sequence,
        {{ unknown_codes([
            {'field': 'commodity', 'code': 'contracts.division_code', 'meaning': 'contracts.commodity'},
            {'field': 'billing_schedule', 'code': 'contracts.reading_unit_code', 'meaning': 'contracts.bill_frequency'}
        ]) }} || contracts.unread_dates as unknown_codes
    from contracts
    left join default_products
        on contracts.commodity = default_products.commodity
)

select * from final
