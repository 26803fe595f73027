with agreements as (
    {{ periods_of(
        ref('stg_ccb__service_agreements'),
        ['service_agreement_id'],
        ['account_id', 'division_code', 'agreement_type_code', 'agreement_status_code', 'start_date', 'end_date']
    ) | indent(4) }}
),

agreement_types as (
    select * from {{ ref('int_ccb__latest_service_agreement_types') }}
),

statuses as (
    select * from {{ ref('ccb_agreement_statuses') }}
),

final as (
    select
        {{ external_id('CCB', 'SA', 'agreements.service_agreement_id') }} as service_agreement_key,
        agreements.valid_from,
        agreements.valid_to,
        'CCB' as source_system,
        agreements.service_agreement_id as native_id,
        {{ external_id('CCB', 'ACCT', 'agreements.account_id') }} as billing_account_key,

        statuses.agreement_status,
        agreements.start_date,
        agreements.end_date,

        agreements.through_sequence
    from agreements
    left join agreement_types
        on
            agreements.division_code = agreement_types.division_code
            and agreements.agreement_type_code = agreement_types.agreement_type_code
    left join statuses
        on agreements.agreement_status_code = statuses.agreement_status_code
    where agreement_types.special_role_code is null
)

select * from final
