{{ config(materialized='table', tags=['usage']) }}

-- The customer picture's service points by the id metering knows them by, as the billing chain left them. Metering has
-- one id where two systems could have the same: the first system is taken.
with points as (
    {{ built_or_empty(ref('int_canonical__service_points'), {
        'service_point_key': 'varchar', 'source_system': 'varchar', 'native_id': 'varchar', 'faults': faults_type()
    }) | indent(4) }}
),

final as (
    select
        native_id as service_point_id,
        service_point_key
    from points
    where {{ is_good() }}
    qualify row_number() over (partition by native_id order by source_system, service_point_key) = 1
)

select * from final
