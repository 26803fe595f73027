with checked as (
    select * from {{ ref('int_canonical__payments') }}
),

final as (
    select
        payment_key,
        source_system,
        native_id,
        billing_account_key,
        payment_date,
        payment_amount_usd,
        payment_status,
        last_updated_at,
        through_sequence
    from checked
    where {{ is_good() }}
)

select * from final
