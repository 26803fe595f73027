-- Every service point with an agreement: whether all its days are of the classes asked for, whether its account is one of
-- the sample, and since when it serves nobody.
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
    select
        *,
        bool_and(is_of_class) over (partition by service_point_id) as are_of_class
    from agreements
    qualify row_number() over (
        partition by service_point_id
        order by is_active desc, active_date desc, service_agreement_id desc
    ) = 1
),

final as (
    select
        service_point_id,
        are_of_class,
        is_active
        and coalesce(billing_account_id in (select billing_account_id from sampled), false) as is_chosen,
        case when not is_active then inactive_date end as vacant_since
    from newest
)

select * from final
