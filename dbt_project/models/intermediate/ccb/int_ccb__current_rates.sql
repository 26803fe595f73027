-- One row an agreement: the rate schedule in force on the business date, or the first to come where none is yet.
with rates as (
    select
        *,
        effective_date <= {{ as_of() }} as is_in_force
    from {{ ref('int_ccb__latest_agreement_rates') }}
    where rate_schedule_code is not null
),

final as (
    select
        service_agreement_id,
        rate_schedule_code,
        effective_date,
        last_updated_at,
        _load_sequence
    from rates
    qualify row_number() over (
        partition by service_agreement_id
        order by
            is_in_force desc,
            case when is_in_force then effective_date end desc,
            effective_date
    ) = 1
)

select * from final
