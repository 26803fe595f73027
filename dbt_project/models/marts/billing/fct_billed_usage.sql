with billed_usage as (
    {{ canonical_rows('billed_usage') | indent(4) }}
),

final as (
    select
        billed_usage_key,
        source_system,
        service_agreement_key,
        service_agreement_id,
        service_point_id,
        billing_account_id,

        commodity,
        period_start_date,
        boundary_date,
        days,
        usage_quantity,
        usage_unit,
        charge_amount_usd,
        is_estimated,
        is_cancelled,

        last_updated_at,
        through_sequence
    from billed_usage
)

select * from final
