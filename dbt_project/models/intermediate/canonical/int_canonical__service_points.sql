-- Who is served at a point now is derived, never a master: the point itself belongs to a premise, not to an account.
with points as (
    {{ canonical_rows('service_points') | indent(4) }}
),

counted as (
    select
        *,
        count(*) over (partition by service_point_key) as key_count
    from points
),

premises as (
    select premise_key
    from {{ ref('int_canonical__premises') }}
    where {{ is_good() }}
),

current_agreements as (
    select * from {{ ref('int_canonical__current_agreements') }}
),

accounts as (
    select
        billing_account_key,
        party_key
    from {{ ref('int_canonical__billing_accounts') }}
    where {{ is_good() }}
),

usage_months as (
    {{ built_or_empty(ref('fct_usage_monthly'), {
        'service_point_id': 'varchar', 'channel': 'varchar', 'usage_month': 'date', 'unit': 'varchar',
        'usage_quantity': 'decimal(28,8)', 'is_partial': 'boolean'
    }) | indent(4) }}
),

-- Whole months of the twelve before this one, in the unit of the newest; in hundred millionths: a half is exact.
monthly_means as (
    select
        service_point_id,
        (2 * sum((usage_quantity * 100000000)::hugeint) + count(*) * 100000000)
        // (2 * count(*) * 100000000) as average_monthly_usage
    from (
        select
            *,
            max(row(usage_month, unit)) over (partition by service_point_id) as newest
        from usage_months
        where
            channel = 'delivered'
            and not is_partial
            and usage_quantity is not null
            and usage_month >= {{ twelve_months_back() }}
            and usage_month < date_trunc('month', {{ as_of() }})
    )
    where unit = newest[2]
    group by service_point_id
),

checked as (
    select
        counted.*,
        monthly_means.average_monthly_usage::integer as average_monthly_usage,
        accounts.billing_account_key,
        accounts.party_key,
        premises.premise_key is null as is_orphan
    from counted
    left join premises
        on counted.premise_key = premises.premise_key
    left join current_agreements
        on counted.service_point_key = current_agreements.service_point_key
    left join accounts
        on current_agreements.billing_account_key = accounts.billing_account_key
    left join monthly_means
        on counted.native_id = monthly_means.service_point_id
),

final as (
    select
        * exclude (key_count, is_orphan, unknown_codes, last_updated_at, through_sequence),
        last_updated_at,
        through_sequence,
        {{ faults([
            {'when': 'key_count > 1', 'code': 'service_point.duplicate_key', 'field': 'service_point_key'},
            {'when': 'is_orphan', 'code': 'service_point.orphan', 'field': 'premise_key', 'detail': 'premise_key'},
            {'when': 'commodity is null', 'code': 'service_point.required_missing', 'field': 'commodity'},
            {'when': 'service_point_status is null', 'code': 'service_point.required_missing', 'field': 'service_point_status', 'blocks': false},
            {'when': 'abolish_date < activation_date', 'code': 'service_point.dates_backwards', 'field': 'abolish_date', 'detail': "concat_ws('/', activation_date, abolish_date)"}
        ], entity='service_point') }} as faults
    from checked
)

select * from final
