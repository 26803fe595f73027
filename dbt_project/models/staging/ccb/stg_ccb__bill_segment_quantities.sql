with source as (
    select * from {{ source('lake', 'ccb_bseg_sq') }}
),

renamed as (
    select
        {{ text_value('bseg_id') }} as bill_segment_id,
        {{ text_value('uom_cd') }} as unit_code,
        {{ text_value('tou_cd') }} as time_of_use_code,
        {{ text_value('sqi_cd') }} as quantity_identifier_code,

        init_sq as initial_quantity,
        bill_sq as billed_quantity,

        last_update_dttm as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
