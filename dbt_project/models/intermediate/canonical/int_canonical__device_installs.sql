with installs as (
    {{ canonical_rows('device_installs') | indent(4) }}
),

counted as (
    select
        *,
        count(*) over (partition by device_install_key) as key_count
    from installs
),

devices as (
    select device_key
    from {{ ref('int_canonical__devices') }}
    where {{ is_good() }}
),

points as (
    select service_point_key
    from {{ ref('int_canonical__service_points') }}
    where {{ is_good() }}
),

checked as (
    select
        counted.*,
        devices.device_key is null as has_no_device,
        points.service_point_key is null as has_no_point
    from counted
    left join devices
        on counted.device_key = devices.device_key
    left join points
        on counted.service_point_key = points.service_point_key
),

final as (
    select
        * exclude (key_count, has_no_device, has_no_point, unknown_codes),
        {{ faults([
            {'when': 'key_count > 1', 'code': 'device_install.duplicate_key', 'field': 'device_install_key'},
            {'when': 'has_no_device', 'code': 'device_install.orphan', 'field': 'device_key', 'detail': 'device_key'},
            {'when': 'has_no_point', 'code': 'device_install.orphan', 'field': 'service_point_key', 'detail': 'service_point_key'},
            {'when': 'removal_date < install_date', 'code': 'device_install.dates_backwards', 'field': 'removal_date', 'detail': "concat_ws('/', install_date, removal_date)"}
        ], entity='device_install') }} as faults
    from checked
)

select * from final
