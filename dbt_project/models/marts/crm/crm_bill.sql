with checked as (
    select * from {{ ref('int_canonical__bills') }}
),

final as (
    select
        bill_key,
        source_system,
        native_id,
        billing_account_key,
        bill_date,
        due_date,
        period_start_date,
        period_end_date,
        current_charges_usd,
        amount_due_usd,
        bill_status,
        is_estimated,
        is_rebill,
        currency_code,
        completed_at,
        last_updated_at,
        through_sequence
    from checked
    where {{ is_good() }}
)

select * from final
