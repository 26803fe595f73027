-- Payments of the last twelve months that were posted, or were and are cancelled. A payment in the making is none yet.
with payments as (
    select * from {{ ref('int_ccb__latest_payments') }}
    where payment_date is null or payment_date >= {{ twelve_months_back() }}
),

statuses as (
    select * from {{ ref('ccb_payment_statuses') }}
),

final as (
    select
        {{ external_id('CCB', 'PAY', 'payments.payment_id') }} as payment_key,
        'CCB' as source_system,
        payments.payment_id as native_id,
        {{ external_id('CCB', 'ACCT', 'payments.account_id') }} as billing_account_key,

        payments.payment_date,
        payments.payment_amount::decimal(18, 2) as payment_amount_usd,
        statuses.payment_status,

        payments.last_updated_at,
        payments._load_sequence as through_sequence,
        {{ unknown_codes([
            {'field': 'payment_status', 'code': 'payments.payment_status_code', 'meaning': 'statuses.payment_status'}
        ]) }} as unknown_codes
    from payments
    left join statuses
        on payments.payment_status_code = statuses.payment_status_code
    where statuses.payment_status is null or statuses.payment_status in ('posted', 'cancelled')
)

select * from final
