-- One row a device, where its slice of today says: installed means that it has a logical number, and an installation
-- has that number.
with equipments as (
    select * from {{ ref('int_isu__latest_equipments') }}
    where not is_deleted
),

slices as (
    select
        *,
        {{ runs_today() }} as is_running
    from {{ ref('int_isu__latest_device_slices') }}
    where not is_deleted
    qualify row_number() over (
        partition by client, equipment_id
        order by is_running desc, slice_start_date desc nulls last, slice_end_key desc
    ) = 1
),

places as (
    select
        client,
        logical_device_id,
        installation_id,
        last_updated_at,
        _load_sequence
    from {{ ref('int_isu__latest_installation_devices') }}
    where not is_deleted and {{ runs_today() }}
    qualify row_number() over (
        partition by client, logical_device_id
        order by slice_start_date desc nulls last, installation_id asc
    ) = 1
),

installations as (
    select * from {{ ref('int_isu__latest_installations') }}
    where not is_deleted
),

-- the factor of the lowest register: information only, usage is multiplied already
registers as (
    select
        client,
        equipment_id,
        arg_min(register_factor, register_number) as register_factor
    from {{ ref('int_isu__latest_device_registers') }}
    where not is_deleted and {{ runs_today() }}
    group by client, equipment_id
),

located as (
    select
        equipments.*,
        slices.install_date,
        slices.removal_date,
        coalesce(slices.unread_dates, []) as unread_dates,
        coalesce(slices.removal_date <= {{ as_of() }}, false) as is_removed,
        places.installation_id,
        installations.premise_id,
        registers.register_factor,
        greatest(equipments.last_updated_at, slices.last_updated_at, places.last_updated_at) as changed_at,
        greatest(equipments._load_sequence, slices._load_sequence, places._load_sequence) as through_sequence
    from equipments
    left join slices
        on equipments.client = slices.client and equipments.equipment_id = slices.equipment_id
    left join places
        on
            slices.client = places.client
            and slices.logical_device_id = places.logical_device_id
            and slices.is_running
    left join installations
        on places.client = installations.client and places.installation_id = installations.installation_id
    left join registers
        on equipments.client = registers.client and equipments.equipment_id = registers.equipment_id
),

final as (
    select
        {{ external_id('ISU', 'EQ', 'equipment_id') }} as device_key,
        'ISU' as source_system,
        equipment_id as native_id,

        null::varchar as badge_number,
        serial_number,
        coalesce(serial_number, equipment_id) as device_name,
        material_code as device_type_code,
        manufacturer_code,
        null::varchar as model_code,
        case
            when installation_id is not null then 'installed'
            when is_removed then '{{ var("isu_removed_device_status") }}'
            else 'in_store'
        end as device_status,
        {{ external_id('ISU', 'INST', 'installation_id') }} as service_point_key,
        {{ external_id('ISU', 'PREM', 'premise_id') }} as premise_key,
        install_date,
        removal_date,
        register_factor::decimal(18, 6) as register_factor,

        changed_at as last_updated_at,
        through_sequence,
        unread_dates as unknown_codes
    from located
)

select * from final
