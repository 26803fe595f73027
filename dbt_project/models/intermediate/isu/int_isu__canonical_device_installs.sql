-- Which device was in which installation, and when: both know it by its logical number. The key has the first day of
-- the slice, never its last: that is written anew when the slice ends.
with places as (
    select * from {{ ref('int_isu__latest_installation_devices') }}
    where not is_deleted
),

device_slices as (
    select * from {{ ref('int_isu__latest_device_slices') }}
    where not is_deleted and logical_device_id is not null
),

matched as (
    select
        places.*,
        device_slices.equipment_id,
        greatest(places.last_updated_at, device_slices.last_updated_at) as changed_at,
        greatest(places._load_sequence, device_slices._load_sequence) as through_sequence
    from places
    left join device_slices
        on
            places.client = device_slices.client
            and places.logical_device_id = device_slices.logical_device_id
            and coalesce(places.slice_start_date <= device_slices.slice_end_date, true)
            and coalesce(places.slice_end_date >= device_slices.slice_start_date, true)
    qualify row_number() over (
        partition by places.client, places.installation_id, places.logical_device_id, places.slice_end_key
        order by device_slices.slice_start_date desc nulls last, device_slices.equipment_id asc
    ) = 1
),

final as (
    select
        {{ external_id(
            'ISU', 'EASTL', 'installation_id', 'logical_device_id', "strftime(slice_start_date, '%Y%m%d')"
        ) }} as device_install_key,
        'ISU' as source_system,
        concat_ws('|', installation_id, logical_device_id, strftime(slice_start_date, '%Y%m%d')) as native_id,
        {{ external_id('ISU', 'EQ', 'equipment_id') }} as device_key,
        {{ external_id('ISU', 'INST', 'installation_id') }} as service_point_key,

        slice_start_date as install_date,
        slice_end_date + 1 as removal_date,
        {{ runs_today() }} as is_current,

        changed_at as last_updated_at,
        through_sequence,
        unread_dates as unknown_codes
    from matched
)

select * from final
