with account_partners as (
    {{ periods_of(
        ref('stg_isu__account_partners'),
        ['client', 'account_id', 'partner_id'],
        ['account_role_code'],
        is_deleted='is_deleted or is_deletion_flagged'
    ) | indent(4) }}
),

roles as (
    select * from {{ ref('isu_account_partner_roles') }}
),

final as (
    select
        {{ external_id(
            'ISU', 'VKP', 'account_partners.account_id', 'account_partners.partner_id', client='account_partners.client'
        ) }} as account_role_key,
        account_partners.valid_from,
        account_partners.valid_to,
        'ISU' as source_system,
        account_partners.account_id || '|' || account_partners.partner_id as native_id,
        {{ external_id('ISU', 'VK', 'account_partners.account_id', client='account_partners.client') }}
            as billing_account_key,
        {{ external_id('ISU', 'BP', 'account_partners.partner_id', client='account_partners.client') }} as party_key,

        roles.account_role as role,
        coalesce(roles.is_main, false) as is_main,

        account_partners.through_sequence
    from account_partners
    left join roles
        on account_partners.account_role_code = roles.account_role_code
)

select * from final
