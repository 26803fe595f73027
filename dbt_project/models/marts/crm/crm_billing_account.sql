with checked as (
    select * from {{ ref('int_canonical__billing_accounts') }}
),

final as (
    select
        billing_account_key,
        source_system,
        native_id,
        account_name,
        party_key,
        customer_class,
        bill_cycle_code,
        bill_frequency,
        bill_delivery_method,
        is_autopay,
        currency_code,
        account_status,
        set_up_date,
        balance_amount_usd,
        payoff_balance_usd,
        overdue_amount_usd,
        balance_as_of,
        last_payment_date,
        last_payment_amount_usd,
        is_electric,
        is_gas,
        is_renewables,
        business_units,
        last_updated_at,
        through_sequence
    from checked
    where {{ is_good() }}
)

select * from final
