-- Each account row of the file, with what was known of the account, and the row before it at the service point.
with account_rows as (
    select * from account_row
),

known as (
    select
        account_id,
        any_value(first_active_on) as known_active_on
    from account
    group by account_id
),

final as (
    select
        account_rows.*,
        coalesce(
            known.known_active_on,
            first_value(account_rows.active_on) over (partition by account_rows.account_id order by account_rows.line)
        ) as first_active_on,
        lag(account_rows.active_on) over (
            partition by account_rows.service_point_id order by account_rows.line
        ) as active_before,
        row_number() over (
            partition by account_rows.account_id, account_rows.service_point_id order by account_rows.line
        ) as times,
        row_number() over (
            partition by account_rows.account_id, account_rows.service_point_id order by account_rows.line desc
        ) = 1 as is_last
    from account_rows
    left join known using (account_id)
)

select * from final
