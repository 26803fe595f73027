-- One row an account with partners: who holds it, where exactly one does, and the terms that stand in the holder's row.
with account_partners as (
    select * from {{ ref('int_isu__latest_account_partners') }}
    where not is_deleted and not is_deletion_flagged
),

roles as (
    select * from {{ ref('isu_account_partner_roles') }}
),

holders as (
    select
        account_partners.*,
        coalesce(roles.is_main, false) as is_holder
    from account_partners
    left join roles
        on account_partners.account_role_code = roles.account_role_code
),

final as (
    select
        client,
        account_id,
        count(*) filter (where is_holder) as holder_count,
        case when holder_count = 1 then min(partner_id) filter (where is_holder) end as partner_id,
        -- of several holders, the terms of the lowest
        arg_min(account_class_code, partner_id) filter (where is_holder) as account_class_code,
        arg_min(send_control_code, partner_id) filter (where is_holder) as send_control_code,
        arg_min(currency_code, partner_id) filter (where is_holder) as currency_code,
        coalesce(bool_or(payment_method_code is not null) filter (where is_holder), false) as is_autopay,
        max(last_updated_at) as last_updated_at,
        max(_load_sequence) as through_sequence
    from holders
    group by client, account_id
)

select * from final
