-- Who has to do with an account: one row a partner of it. Rows of accounts marked for deletion go with their account.
with account_partners as (
    select * from {{ ref('int_isu__latest_account_partners') }}
    where not is_deleted and not is_deletion_flagged
),

deleted_accounts as (
    select * from {{ ref('int_isu__latest_contract_accounts') }}
    where is_deletion_flagged and not is_deleted
),

partners as (
    select * from {{ ref('int_isu__latest_business_partners') }}
    where not is_deleted
),

partner_types as (
    select * from {{ ref('isu_partner_types') }}
),

roles as (
    select * from {{ ref('isu_account_partner_roles') }}
),

final as (
    select
        {{ external_id(
            'ISU', 'VKP', 'account_partners.account_id', 'account_partners.partner_id', client='account_partners.client'
        ) }} as account_role_key,
        'ISU' as source_system,
        account_partners.account_id || '|' || account_partners.partner_id as native_id,
        {{ external_id('ISU', 'VK', 'account_partners.account_id', client='account_partners.client') }}
            as billing_account_key,
        {{ external_id('ISU', 'BP', 'account_partners.partner_id', client='account_partners.client') }} as party_key,
        case
            when partner_types.party_type = 'person'
                then {{ external_id('ISU', 'BPC', 'account_partners.partner_id', client='account_partners.client') }}
        end as contact_key,

        roles.account_role as role,
        coalesce(roles.is_main, false) as is_main,
        null::date as start_date,
        null::date as end_date,

        account_partners.last_updated_at,
        account_partners._load_sequence as through_sequence,
        {{ unknown_codes([
            {'field': 'role', 'code': 'account_partners.account_role_code', 'meaning': 'roles.account_role'}
        ]) }} as unknown_codes
    from account_partners
    anti join deleted_accounts
        on
            account_partners.client = deleted_accounts.client
            and account_partners.account_id = deleted_accounts.account_id
    left join partners
        on account_partners.client = partners.client and account_partners.partner_id = partners.partner_id
    left join partner_types
        on partners.partner_type_code = partner_types.partner_type_code
    left join roles
        on account_partners.account_role_code = roles.account_role_code
)

select * from final
