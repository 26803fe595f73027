{#- Codes that the code lists do not know: their meaning stays null, and this says so. -#}
{{ config(tags=['billing'], severity='warn') }}

with agreement_codes as (
    select distinct
        'agreement status' as code_list,
        agreement_status_code as code
    from {{ ref('int_ccb__service_agreements') }}
    where agreement_status is null and agreement_status_code is not null
),

service_type_codes as (
    select distinct
        'service type' as code_list,
        service_type_code as code
    from {{ ref('int_ccb__service_agreements') }}
    where commodity is null and service_type_code is not null
)

select * from agreement_codes
union all
select * from service_type_codes
