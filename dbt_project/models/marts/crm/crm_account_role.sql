with checked as (
    select * from {{ ref('int_canonical__account_roles') }}
),

final as (
    select
        account_role_key,
        source_system,
        native_id,
        billing_account_key,
        party_key,
        contact_key,
        role,
        is_main,
        start_date,
        end_date,
        last_updated_at,
        through_sequence
    from checked
    where {{ is_good() }}
)

select * from final
