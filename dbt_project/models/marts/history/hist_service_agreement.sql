with periods as (
    {{ history_rows('service_agreements') | indent(4) }}
),

final as (
    select
        service_agreement_key,
        valid_from,
        valid_to,
        valid_to is null as is_current,
        source_system,
        native_id,
        billing_account_key,
        agreement_status,
        start_date,
        end_date,
        through_sequence
    from periods
)

select * from final
