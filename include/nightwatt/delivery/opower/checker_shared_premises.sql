-- Accounts that begin while another customer's has not ended at the same premise, where this file had one of the two.
with accounts as (
    select * from account
    where premise_id in (select premise_id from account_row where premise_id <> '')
),

in_turn as (
    select
        *,
        coalesce(inactive_on, 9999999) as until,
        max(coalesce(inactive_on, 9999999)) over earlier as until_before,
        max_by(customer_id, coalesce(inactive_on, 9999999)) over earlier as customer_before,
        max_by(line, coalesce(inactive_on, 9999999)) over earlier as line_before,
        max_by(file_number, coalesce(inactive_on, 9999999)) over earlier as file_before
    from accounts
    window earlier as (
        partition by premise_id
        order by active_on, coalesce(inactive_on, 9999999), account_id, service_point_id
        rows between unbounded preceding and 1 preceding
    )
),

final as (
    select
        service_point_id,
        case when file_number = $file_number then line else line_before end as line
    from in_turn
    where
        active_on < until_before
        and until > active_on
        and customer_id <> customer_before
        and (file_number = $file_number or file_before = $file_number)
)

select * from final
