with source as (
    select * from {{ source('lake', 'ccb_prem') }}
),

renamed as (
    select
        {{ text_value('prem_id') }} as premise_id,
        {{ text_value('prnt_prem_id') }} as parent_premise_id,

        {{ text_value('prem_type_cd') }} as premise_type_code,
        {{ text_value('cis_division') }} as division_code,

        {{ text_value('address1') }} as address_line_1,
        {{ text_value('address2') }} as address_line_2,
        {{ text_value('city') }} as city_name,
        {{ text_value('county') }} as county_name,
        {{ text_value('state') }} as state_code,
        {{ text_value('postal') }} as postal_code,
        {{ text_value('country') }} as country_code,
        {{ text_value('time_zone_cd') }} as time_zone_code,

        {{ text_value('mr_instr_cd') }} as meter_read_instruction_code,
        {{ text_value('mr_warn_cd') }} as meter_read_warning_code,
        {{ text_value('trend_area_cd') }} as trend_area_code,

        last_update_dttm as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
