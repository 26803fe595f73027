with periods as (
    {{ history_rows('account_roles') | indent(4) }}
),

final as (
    select
        account_role_key,
        valid_from,
        valid_to,
        valid_to is null as is_current,
        source_system,
        native_id,
        billing_account_key,
        party_key,
        role,
        is_main,
        through_sequence
    from periods
)

select * from final
