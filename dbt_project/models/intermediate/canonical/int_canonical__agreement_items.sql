with items as (
    {{ canonical_rows('agreement_items') | indent(4) }}
),

bill_services as (
    {{ canonical_rows('bill_services') | indent(4) }}
),

counted as (
    select
        *,
        count(*) over (partition by agreement_item_key) as key_count
    from items
),

agreements as (
    select service_agreement_key
    from {{ ref('int_canonical__service_agreements') }}
    where {{ is_good() }}
),

points as (
    select
        service_point_key,
        premise_key
    from {{ ref('int_canonical__service_points') }}
    where {{ is_good() }}
),

installed_devices as (
    select
        service_point_key,
        device_key
    from {{ ref('int_canonical__devices') }}
    where {{ is_good() }} and device_status = 'installed' and service_point_key is not null
    qualify row_number() over (
        partition by service_point_key
        order by install_date desc nulls last, device_key desc
    ) = 1
),

-- What the twelve months' bills of an agreement charged. Bills do not divide energy among points, so an agreement
-- that serves several has no figure for one of them; nor has one that was billed in two units.
billed as (
    select
        service_agreement_key,
        sum(usage_quantity) as usage_quantity,
        min(usage_unit) as usage_unit
    from bill_services
    where usage_quantity is not null
    group by service_agreement_key
    having count(distinct usage_unit) = 1
),

only_items as (
    select
        service_agreement_key,
        min(agreement_item_key) as agreement_item_key
    from items
    group by service_agreement_key
    having count(*) = 1
),

checked as (
    select
        counted.*,
        installed_devices.device_key,
        points.premise_key,
        billed.usage_quantity::decimal(28, 6) as usage_quantity_12m,
        billed.usage_unit,
        agreements.service_agreement_key is null as has_no_agreement,
        points.service_point_key is null as has_no_point
    from counted
    left join agreements
        on counted.service_agreement_key = agreements.service_agreement_key
    left join points
        on counted.service_point_key = points.service_point_key
    left join installed_devices
        on counted.service_point_key = installed_devices.service_point_key
    left join only_items
        on counted.agreement_item_key = only_items.agreement_item_key
    left join billed
        on only_items.service_agreement_key = billed.service_agreement_key
),

final as (
    select
        * exclude (key_count, has_no_agreement, has_no_point, unknown_codes, last_updated_at, through_sequence),
        last_updated_at,
        through_sequence,
        {{ faults([
            {'when': 'key_count > 1', 'code': 'agreement_item.duplicate_key', 'field': 'agreement_item_key'},
            {'when': 'has_no_agreement', 'code': 'agreement_item.orphan', 'field': 'service_agreement_key', 'detail': 'service_agreement_key'},
            {'when': 'has_no_point', 'code': 'agreement_item.orphan', 'field': 'service_point_key', 'detail': 'service_point_key'},
            {'when': 'end_date < start_date', 'code': 'agreement_item.dates_backwards', 'field': 'end_date', 'detail': "concat_ws('/', start_date, end_date)"}
        ], entity='agreement_item') }} as faults
    from checked
)

select * from final
