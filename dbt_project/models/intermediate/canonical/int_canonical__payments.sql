-- Payments of every system. They are of an account: which bill a payment was for, nobody keeps.
with payments as (
    {{ canonical_rows('payments') | indent(4) }}
),

accounts as (
    select billing_account_key
    from {{ ref('int_canonical__billing_accounts') }}
    where {{ is_good() }}
),

duplicates as (
    select payment_key
    from payments
    group by payment_key
    having count(*) > 1
),

final as (
    select
        payments.payment_key,
        payments.source_system,
        payments.native_id,
        payments.billing_account_key,

        payments.payment_date,
        payments.payment_amount_usd,
        payments.payment_status,

        payments.last_updated_at,
        payments.through_sequence,
        {{ faults([
            {'when': 'duplicates.payment_key is not null', 'code': 'payment.duplicate_key', 'field': 'payment_key'},
            {
                'when': 'accounts.billing_account_key is null',
                'code': 'payment.orphan',
                'field': 'billing_account_key',
                'detail': 'payments.billing_account_key'
            },
            {'when': 'payments.payment_date is null', 'code': 'payment.required_missing', 'field': 'payment_date'},
            {
                'when': 'payments.payment_amount_usd is null',
                'code': 'payment.required_missing',
                'field': 'payment_amount_usd'
            },
            {
                'when': 'payments.payment_status is null and len(payments.unknown_codes) = 0',
                'code': 'payment.required_missing',
                'field': 'payment_status'
            }
        ], entity='payment', unknown_codes='payments.unknown_codes') }} as faults
    from payments
    left join accounts
        on payments.billing_account_key = accounts.billing_account_key
    left join duplicates
        on payments.payment_key = duplicates.payment_key
)

select * from final
