-- What goes into the usage file, or into the one file of everything: plain periods, those that were settled, and those
-- taken back. In one-file mode also the newest period of every account of which only the account's own facts changed.
create or replace temp table billing_line as
with

said as (
    select
        fates.service_point_id,
        fates.number,
        fates.boundary_date,
        periods.account_id,
        fates.line,
        fates.sent_line
    from billing_fate as fates
    inner join billing_period as periods
        on fates.number = periods.number
    left join billing_word as words
        on
            fates.service_point_id = words.service_point_id
            and fates.start_date = words.start_date
            and fates.boundary_date = words.boundary_date
    where coalesce(words.word = 'said', words.service_point_id is null)
),

nothing as (
    select
        words.service_point_id,
        words.start_date,
        words.boundary_date,
        words.boundary_date - words.start_date as days
    from billing_word as words
    where words.word = 'taken_back'
),

newest_accounts as (
    select
        service_point_id,
        arg_max(account_id, (active_date, account_id)) as account_id
    from billing_customer
    where verdict = 'send'
    group by service_point_id
),

cancelled_accounts as (
    select
        service_point_id,
        start_date,
        boundary_date,
        max(account_id) as account_id
    from billing_period
    where is_cancelled
    group by service_point_id, start_date, boundary_date
),

taken_back as (
    select
        nothing.service_point_id,
        null::bigint as number,
        nothing.boundary_date,
        coalesce(cancelled_accounts.account_id, newest_accounts.account_id) as account_id,
        nothing.line,
        sent_usage.line as sent_line
    from (select *, {nothing} as line from nothing) as nothing
    inner join sent_usage
        on
            nothing.service_point_id = sent_usage.service_point_id
            and nothing.start_date = sent_usage.start_date
            and nothing.boundary_date = sent_usage.boundary_date
    left join cancelled_accounts
        on
            nothing.service_point_id = cancelled_accounts.service_point_id
            and nothing.start_date = cancelled_accounts.start_date
            and nothing.boundary_date = cancelled_accounts.boundary_date
    left join newest_accounts
        on nothing.service_point_id = newest_accounts.service_point_id
),

-- what the partner has in the very same words needs not be said again, but for a whole history
news as (
    select * exclude (sent_line) from said
    where not $is_incremental or sent_line is distinct from line
    union all by name
    select * exclude (sent_line) from taken_back
    where sent_line <> line
),

carriers as (
    select
        periods.service_point_id,
        periods.number,
        periods.boundary_date,
        periods.account_id,
        periods.line
    from billing_period as periods
    semi join sent_usage
        on
            periods.service_point_id = sent_usage.service_point_id
            and periods.start_date = sent_usage.start_date
            and periods.boundary_date = sent_usage.boundary_date
    semi join billing_touched
        on periods.account_id = billing_touched.account_id and periods.service_point_id = billing_touched.service_point_id
    anti join news
        on periods.account_id = news.account_id and periods.service_point_id = news.service_point_id
    where periods.verdict = 'send' and not periods.is_cancelled
    qualify row_number() over (
        partition by periods.account_id, periods.service_point_id order by periods.number desc
    ) = 1
),

final as (
    select * from news
    union all by name
    select * from carriers
)

select * from final
