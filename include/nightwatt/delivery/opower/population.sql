-- Every service point with an agreement: whether its reads are in, by whom it serves or served last, and from which day.
with

agreements as (
    select
        billing_account_id,
        service_agreement_id,
        service_point_id,
        active_date,
        inactive_date,
        len($classes) = 0 or coalesce(list_contains($classes, customer_class), false) as is_of_class,
        coalesce(inactive_date > $day, true) as is_active
    from dim_service_agreement
    where not is_cancelled
),

-- the choice depends on seed and id alone, so every kind of file names the same accounts
sampled as (
    select billing_account_id
    from agreements
    where is_of_class
    group by billing_account_id
    order by md5($seed || '|' || billing_account_id), billing_account_id
    limit $size
),

newest as (
    select *
    from agreements
    qualify row_number() over (
        partition by service_point_id
        order by is_active desc, active_date desc, service_agreement_id desc
    ) = 1
),

final as (
    select
        service_point_id,
        case
            when $is_sample
                then is_of_class
                    and is_active
                    and coalesce(billing_account_id in (select billing_account_id from sampled), false)
            else is_of_class
        end as is_in,
        case when not is_active then inactive_date end as vacant_since
    from newest
)

select * from final
