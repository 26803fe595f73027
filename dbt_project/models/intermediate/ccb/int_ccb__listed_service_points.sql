-- Service points that the newest complete full file, or a later one, lists. Nothing while no complete file has come.
with final as (
    {{ keys_present(ref('stg_ccb__service_points'), 'ccb_sp', 'service_point_id') | indent(4) }}
)

select * from final
