-- One row a service point: the meter installed there now.
with installs as (
    select * from {{ ref('int_ccb__meter_installs') }}
),

final as (
    select
        service_point_id,
        meter_id,
        configured_at
    from installs
    where is_installed and meter_id is not null
    qualify row_number() over (
        partition by service_point_id
        order by configured_at desc nulls last, meter_install_id desc
    ) = 1
)

select * from final
