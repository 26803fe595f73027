with agreements as (
    {{ canonical_rows('service_agreements') | indent(4) }}
),

items as (
    {{ canonical_rows('agreement_items') | indent(4) }}
),

counted as (
    select
        *,
        count(*) over (partition by service_agreement_key) as key_count
    from agreements
),

accounts as (
    select
        billing_account_key,
        party_key
    from {{ ref('int_canonical__billing_accounts') }}
    where {{ is_good() }}
),

products as (
    select product_key
    from {{ ref('int_canonical__products') }}
    where {{ is_good() }}
),

live_links as (
    select
        items.service_point_key,
        agreements.commodity,
        agreements.service_agreement_key,
        coalesce(items.use_percent, 100) as use_percent,
        greatest(items.start_date, agreements.start_date) as from_date,
        coalesce(least(items.end_date, agreements.end_date), date '9999-12-31') as to_date
    from items
    inner join agreements
        on items.service_agreement_key = agreements.service_agreement_key
    where agreements.agreement_status in ('active', 'suspended')
),

-- Two that share a point by percentage do not overlap: together they are one.
overlapping as (
    select
        these.service_agreement_key,
        min(those.service_agreement_key) as other_key
    from live_links as these
    inner join live_links as those
        on
            these.service_point_key = those.service_point_key
            and these.commodity = those.commodity
            and these.service_agreement_key <> those.service_agreement_key
            and these.from_date <= those.to_date
            and these.to_date >= those.from_date
            and these.use_percent + those.use_percent > 100
    group by these.service_agreement_key
),

checked as (
    select
        counted.*,
        accounts.party_key,
        overlapping.other_key,
        accounts.billing_account_key is null as has_no_account,
        products.product_key is null as has_no_product
    from counted
    left join accounts
        on counted.billing_account_key = accounts.billing_account_key
    left join products
        on counted.product_key = products.product_key
    left join overlapping
        on counted.service_agreement_key = overlapping.service_agreement_key
),

final as (
    select
        * exclude (
            key_count, other_key, has_no_account, has_no_product, unknown_codes, last_updated_at, through_sequence
        ),
        last_updated_at,
        through_sequence,
        {{ faults([
            {'when': 'key_count > 1', 'code': 'service_agreement.duplicate_key', 'field': 'service_agreement_key'},
            {'when': 'has_no_account', 'code': 'service_agreement.orphan', 'field': 'billing_account_key', 'detail': 'billing_account_key'},
            {'when': 'not has_no_account and party_key is null', 'code': 'service_agreement.orphan', 'field': 'party_key', 'detail': 'billing_account_key'},
            {'when': 'has_no_product and product_key is not null', 'code': 'service_agreement.orphan', 'field': 'product_key', 'detail': 'product_key'},
            {'when': 'product_key is null', 'code': 'service_agreement.required_missing', 'field': 'product_key'},
            {'when': 'commodity is null', 'code': 'service_agreement.required_missing', 'field': 'commodity'},
            {'when': 'agreement_status is null', 'code': 'service_agreement.required_missing', 'field': 'agreement_status'},
            {'when': "start_date is null and agreement_status is distinct from 'cancelled'", 'code': 'service_agreement.required_missing', 'field': 'start_date'},
            {'when': 'end_date < start_date', 'code': 'service_agreement.dates_backwards', 'field': 'end_date', 'detail': "concat_ws('/', start_date, end_date)"},
            {'when': 'other_key is not null', 'code': 'service_agreement.overlap', 'field': 'start_date', 'detail': 'other_key', 'blocks': false}
        ], entity='service_agreement') }} as faults
    from checked
)

select * from final
