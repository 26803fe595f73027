{#- The CRM refuses a service point whose premise it does not have, parent or not. -#}
{{ config(tags=['billing']) }}

with premises as (
    select premise_key from {{ ref('crm_premise') }}
    union all
    select premise_key from {{ ref('crm_premise_parent') }}
)

select points.service_point_key
from {{ ref('crm_service_point') }} as points
anti join premises
    on points.premise_key = premises.premise_key
