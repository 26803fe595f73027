-- CC&B gives roles no dates: what the row said, and until when, is all there is to know.
with roles as (
    {{ periods_of(
        ref('stg_ccb__account_persons'),
        ['account_id', 'person_id'],
        ['is_main_customer', 'is_financially_responsible', 'relationship_type_code']
    ) | indent(4) }}
),

relationship_types as (
    select * from {{ ref('ccb_account_relationship_types') }}
),

final as (
    select
        {{ external_id('CCB', 'AP', 'roles.account_id', 'roles.person_id') }} as account_role_key,
        roles.valid_from,
        roles.valid_to,
        'CCB' as source_system,
        roles.account_id || '|' || roles.person_id as native_id,
        {{ external_id('CCB', 'ACCT', 'roles.account_id') }} as billing_account_key,
        {{ external_id('CCB', 'PER', 'roles.person_id') }} as party_key,

        case
            when roles.is_main_customer then 'financially_responsible'
            when roles.relationship_type_code is not null then relationship_types.account_role
            when roles.is_financially_responsible then 'authorised'
            else 'interested'
        end as role,
        coalesce(roles.is_main_customer, false) as is_main,

        roles.through_sequence
    from roles
    left join relationship_types
        on roles.relationship_type_code = relationship_types.relationship_type_code
)

select * from final
