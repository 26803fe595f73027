-- What every account owes: its open items, debits less credits, without statistical ones. Overdue is what of the debits
-- due before today the credits do not cover: credits meet the oldest debit first, so the sums are all it takes.
with accounts as (
    select * from {{ ref('int_isu__latest_contract_accounts') }}
    where not is_deleted and not is_deletion_flagged
),

restrictions as (
    select * from {{ ref('isu_clearing_restrictions') }}
),

items as (
    select
        items.*,
        items.clearing_status_code is null
        and not items.is_deleted
        and not coalesce(restrictions.is_statistical, false) as is_owed,
        coalesce(items.due_date, items.posting_date) as owed_from,
        items.clearing_restriction_code is not null and restrictions.is_statistical is null as is_unknown
    from {{ ref('int_isu__latest_open_items') }} as items
    left join restrictions
        on items.clearing_restriction_code = restrictions.clearing_restriction_code
),

sums as (
    select
        client,
        account_id,
        sum(item_amount) filter (where is_owed) as balance,
        sum(item_amount) filter (where is_owed and item_amount > 0 and owed_from < {{ as_of() }}) as due,
        sum(item_amount) filter (where is_owed and item_amount < 0) as credit,
        coalesce(
            list_sort(
                list(distinct 'balance_amount_usd=' || clearing_restriction_code) filter (where is_owed and is_unknown)
            ),
            []
        ) as unknown_codes,
        max(last_updated_at) as last_updated_at,
        max(_load_sequence) as through_sequence
    from items
    group by client, account_id
),

final as (
    select
        {{ external_id('ISU', 'VK', 'accounts.account_id', client='accounts.client') }} as billing_account_key,
        'ISU' as source_system,
        accounts.account_id as native_id,

        coalesce(sums.balance, 0)::decimal(18, 2) as balance_amount_usd,
        null::decimal(18, 2) as payoff_balance_usd,
        greatest(coalesce(sums.due, 0) + coalesce(sums.credit, 0), 0)::decimal(18, 2) as overdue_amount_usd,
        {{ as_of() }} as balance_as_of,

        coalesce(sums.last_updated_at, accounts.last_updated_at) as last_updated_at,
        coalesce(sums.through_sequence, accounts._load_sequence) as through_sequence,
        coalesce(sums.unknown_codes, []) as unknown_codes
    from accounts
    left join sums
        on accounts.client = sums.client and accounts.account_id = sums.account_id
)

select * from final
