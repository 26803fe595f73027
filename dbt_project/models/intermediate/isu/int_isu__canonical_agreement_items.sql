-- Every contract is for one installation. A contract that was taken back never served it.
with contracts as (
    select * from {{ ref('int_isu__contracts') }}
    where installation_id is not null and agreement_status is distinct from 'cancelled'
),

agreements as (
    select * from {{ ref('int_isu__canonical_service_agreements') }}
),

final as (
    select
        {{ external_id(
            'ISU', 'CTRI', 'contracts.contract_id', 'contracts.installation_id', client='contracts.client'
        ) }} as agreement_item_key,
        'ISU' as source_system,
        contracts.contract_id || '|' || contracts.installation_id as native_id,
        agreements.service_agreement_key,
        {{ external_id('ISU', 'INST', 'contracts.installation_id', client='contracts.client') }} as service_point_key,
        agreements.billing_account_key,
        agreements.product_key,

        contracts.move_in_date as start_date,
        contracts.move_out_date as end_date,
        null::decimal(5, 2) as use_percent,
        null::varchar as usage_sign,

        agreements.last_updated_at,
        agreements.through_sequence,
        []::varchar[] as unknown_codes
    from contracts
    inner join agreements
        on
            agreements.service_agreement_key
            = {{ external_id('ISU', 'CTR', 'contracts.contract_id', client='contracts.client') }}
)

select * from final
