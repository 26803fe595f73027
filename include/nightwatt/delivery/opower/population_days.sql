-- The days that are of the classes asked for: of service points that were handed from one class to another, and of those
-- that came into the population with an agreement nobody knew when the last file was made.
with

agreements as (
    select
        service_agreement_key,
        service_point_id,
        active_date,
        coalesce(list_contains($classes, customer_class), false) as is_of_class,
        row_number() over (
            partition by service_point_id
            order by active_date, service_agreement_id
        ) as turn
    from dim_service_agreement
    where not is_cancelled
),

known as (
    select
        service_agreement_key,
        min(through_sequence) as known_since
    from hist_service_agreement
    group by service_agreement_key
),

-- an agreement has the days of its point until the next one begins, and the first one those before it, too
spans as (
    select
        *,
        case when turn = 1 then date '0001-01-01' else active_date end as from_day,
        coalesce(
            lead(active_date) over (partition by service_point_id order by turn), date '9999-12-31'
        ) as until_day,
        coalesce(lag(is_of_class) over (partition by service_point_id order by turn), false) as was_of_class,
        bool_and(is_of_class) over (partition by service_point_id) as are_of_class
    from agreements
),

final as (
    select
        spans.service_point_id,
        spans.active_date,
        spans.from_day,
        spans.until_day,
        not spans.was_of_class and coalesce(known.known_since > $agreements_since, false) as is_new
    from spans
    left join known
        on spans.service_agreement_key = known.service_agreement_key
    where
        spans.is_of_class
        and (not spans.are_of_class or (not spans.was_of_class and known.known_since > $agreements_since))
)

select * from final
