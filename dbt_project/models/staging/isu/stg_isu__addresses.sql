with source as (
    select * from {{ source('lake', 'isu_adrc') }}
),

renamed as (
    select
        {{ text_value('mandt') }} as client,
        {{ text_value('addrnumber') }} as address_id,
        {{ text_value('date_from') }} as valid_from_key,

        {{ text_value('street') }} as street_name,
        {{ text_value('house_num1') }} as house_number,
        {{ text_value('house_num2') }} as house_number_supplement,
        {{ text_value('city1') }} as city_name,
        {{ text_value('post_code1') }} as postal_code,
        {{ text_value('region') }} as region_code,
        {{ text_value('country') }} as country_code,

        {{ dats('date_from') }} as valid_from_date,

        {{ is_sap_deletion('di_operation_type') }} as is_deleted,
        {{ unread_dats({'valid_from_date': 'date_from'}) }} as unread_dates,
        extracted_at as last_updated_at,
        _receipt_id,
        _load_sequence,
        _source_row
    from source
)

select * from renamed
