with checked as (
    select * from {{ ref('int_canonical__bill_services') }}
),

final as (
    select
        bill_service_key,
        source_system,
        native_id,
        bill_key,
        billing_account_key,
        service_agreement_key,
        commodity,
        usage_quantity,
        usage_unit,
        days,
        amount_usd,
        period_start_date,
        period_end_date,
        is_estimated,
        last_updated_at,
        through_sequence
    from checked
    where {{ is_good() }}
)

select * from final
