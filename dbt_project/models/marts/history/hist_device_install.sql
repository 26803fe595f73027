with periods as (
    {{ history_rows('device_installs') | indent(4) }}
),

final as (
    select
        device_install_key,
        valid_from,
        valid_to,
        valid_to is null as is_current,
        source_system,
        native_id,
        device_key,
        service_point_key,
        install_date,
        removal_date,
        through_sequence
    from periods
)

select * from final
