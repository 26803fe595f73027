-- A device belongs to the party served where it is installed; one that is in the store, or where nobody lives, is the
-- utility's own.
with devices as (
    {{ canonical_rows('devices') | indent(4) }}
),

counted as (
    select
        *,
        count(*) over (partition by device_key) as key_count
    from devices
),

points as (
    select
        service_point_key,
        party_key
    from {{ ref('int_canonical__service_points') }}
    where {{ is_good() }}
),

checked as (
    select
        counted.*,
        coalesce(points.party_key, 'SYS|ACCT|UTILITY') as party_key,
        counted.service_point_key is not null and points.service_point_key is null as is_orphan
    from counted
    left join points
        on counted.service_point_key = points.service_point_key
),

final as (
    select
        * exclude (key_count, is_orphan, unknown_codes, last_updated_at, through_sequence),
        last_updated_at,
        through_sequence,
        {{ faults([
            {'when': 'key_count > 1', 'code': 'device.duplicate_key', 'field': 'device_key'},
            {'when': 'is_orphan', 'code': 'device.orphan', 'field': 'service_point_key', 'detail': 'service_point_key'},
            {'when': 'removal_date < install_date', 'code': 'device.dates_backwards', 'field': 'removal_date', 'detail': "concat_ws('/', install_date, removal_date)"}
        ], entity='device') }} as faults
    from checked
)

select * from final
