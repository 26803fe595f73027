-- Contract accounts. The terms stand in the holder's row; with none or more than one holder it belongs to nobody.
with accounts as (
    select * from {{ ref('int_isu__latest_contract_accounts') }}
    where not is_deleted and not is_deletion_flagged
),

holders as (
    select * from {{ ref('int_isu__account_holders') }}
),

parties as (
    select * from {{ ref('int_isu__canonical_parties') }}
),

account_classes as (
    select * from {{ ref('isu_account_classes') }}
),

send_controls as (
    select * from {{ ref('isu_send_controls') }}
),

-- One row an account: whether a contract is live, and the reading unit of the first live contract, else of the newest.
contracts_of_account as (
    select
        client,
        account_id,
        case
            when bool_or(agreement_status = 'active') then 'active'
            when bool_or(agreement_status = 'suspended') then 'suspended'
            -- dates that cannot be read might be those of a live contract
            when bool_and(agreement_status is not null) then 'inactive'
        end as account_status,
        arg_min(
            reading_unit_code,
            case
                when agreement_status in ('active', 'suspended') then '0' || contract_id
                else '1' || (date '9999-12-31' - move_in_date)::varchar || contract_id
            end
        ) as reading_unit_code,
        max(last_updated_at) as last_updated_at,
        max(through_sequence) as through_sequence
    from {{ ref('int_isu__contracts') }}
    group by client, account_id
),

reading_units as (
    select * from {{ ref('isu_reading_units') }}
),

final as (
    select
        {{ external_id('ISU', 'VK', 'accounts.account_id', client='accounts.client') }} as billing_account_key,
        'ISU' as source_system,
        accounts.account_id as native_id,
        left(concat_ws(' ', accounts.account_id, parties.party_name), 255) as account_name,
        {{ external_id('ISU', 'BP', 'holders.partner_id', client='accounts.client') }} as party_key,

        account_classes.customer_class,
        contracts_of_account.reading_unit_code as bill_cycle_code,
        reading_units.bill_frequency,
        send_controls.bill_delivery_method,
        coalesce(holders.is_autopay, false) as is_autopay,
        holders.currency_code,
        case
            when contracts_of_account.account_id is null then 'inactive'
            else contracts_of_account.account_status
        end as account_status,

        accounts.created_date as set_up_date,

        greatest(
            accounts.last_updated_at,
            holders.last_updated_at,
            parties.last_updated_at,
            contracts_of_account.last_updated_at
        ) as last_updated_at,
        greatest(
            accounts._load_sequence,
            holders.through_sequence,
            parties.through_sequence,
            contracts_of_account.through_sequence
        ) as through_sequence,
        {{ unknown_codes([
            {'field': 'customer_class', 'code': 'holders.account_class_code', 'meaning': 'account_classes.customer_class'},
            {
                'field': 'bill_frequency',
                'code': 'contracts_of_account.reading_unit_code',
                'meaning': 'reading_units.bill_frequency'
            },
            {
                'field': 'bill_delivery_method',
                'code': 'holders.send_control_code',
                'meaning': 'send_controls.bill_delivery_method'
            }
        ]) }} || accounts.unread_dates as unknown_codes
    from accounts
    left join holders
        on accounts.client = holders.client and accounts.account_id = holders.account_id
    left join parties
        on {{ external_id('ISU', 'BP', 'holders.partner_id', client='holders.client') }} = parties.party_key
    left join account_classes
        on holders.account_class_code = account_classes.account_class_code
    left join send_controls
        on holders.send_control_code = send_controls.send_control_code
    left join contracts_of_account
        on
            accounts.client = contracts_of_account.client
            and accounts.account_id = contracts_of_account.account_id
    left join reading_units
        on contracts_of_account.reading_unit_code = reading_units.reading_unit_code
)

select * from final
