-- SAP gives no status: what a contract was on a day, its dates as known then say.
with contracts as (
    {{ periods_of(
        ref('stg_isu__contracts'),
        ['client', 'contract_id'],
        ['account_id', 'move_in_date', 'move_out_date'],
        is_deleted='is_deleted or is_deletion_flagged'
    ) | indent(4) }}
),

final as (
    select
        {{ external_id('ISU', 'CTR', 'contract_id') }} as service_agreement_key,
        valid_from,
        valid_to,
        'ISU' as source_system,
        contract_id as native_id,
        {{ external_id('ISU', 'VK', 'account_id') }} as billing_account_key,

        null::varchar as agreement_status,
        move_in_date as start_date,
        move_out_date as end_date,

        through_sequence
    from contracts
)

select * from final
