with service_agreements as (
    select *
    from {{ ref('int_canonical__service_agreements') }}
    where {{ is_good() }}
),

final as (
    select
        service_agreement_key,
        source_system,
        native_id,
        billing_account_key,
        product_key,
        commodity,
        agreement_status,
        status_reason,
        status_change_date,
        start_date,
        end_date,
        activation_date,
        billing_schedule,
        legacy_number,
        party_key,
        last_updated_at,
        through_sequence
    from service_agreements
)

select * from final
