{{ config(materialized='table') }}

-- Read by the bills of the picture and by everything that was ever billed, so it is worked out once.
-- One row a bill and billing document on it: the period, the energy in it, and whether a reading is estimated. Energy
-- is the quantity of the line types that are energy; other lines repeat it by time of use, or are demand.
with bills as (
    select
        client,
        print_document_id
    from {{ ref('int_isu__issued_bills') }}
),

links as (
    select
        print_lines.client,
        print_lines.print_document_id,
        print_lines.billing_document_id,
        max(print_lines.last_updated_at) as last_updated_at,
        max(print_lines._load_sequence) as through_sequence
    from {{ ref('int_isu__latest_billing_print_lines') }} as print_lines
    semi join bills
        on
            print_lines.client = bills.client
            and print_lines.print_document_id = bills.print_document_id
    where not print_lines.is_deleted
    group by print_lines.client, print_lines.print_document_id, print_lines.billing_document_id
),

documents as (
    select
        links.print_document_id,
        billing_documents.*,
        greatest(links.last_updated_at, billing_documents.last_updated_at) as changed_at,
        greatest(links.through_sequence, billing_documents._load_sequence) as through_sequence
    from links
    inner join {{ ref('int_isu__latest_billing_documents') }} as billing_documents
        on
            links.client = billing_documents.client
            and links.billing_document_id = billing_documents.billing_document_id
    where not billing_documents.is_deleted and not billing_documents.is_simulated
),

energy as (
    select
        lines.client,
        lines.billing_document_id,
        sum(lines.billed_quantity) filter (where line_types.is_energy) as usage_quantity,
        min(units.unit) filter (where line_types.is_energy) as usage_unit,
        coalesce(
            list_sort(
                list(distinct 'usage_quantity=' || lines.line_type_code) filter (where line_types.line_type is null)
            ),
            []
        )
        || coalesce(
            list_sort(
                list(distinct 'usage_unit=' || lines.unit_code) filter (
                    where line_types.is_energy and units.unit is null
                )
            ),
            []
        ) as unknown_codes
    from {{ ref('int_isu__latest_billing_lines') }} as lines
    semi join documents
        on lines.client = documents.client and lines.billing_document_id = documents.billing_document_id
    left join {{ ref('isu_billing_line_types') }} as line_types
        on lines.line_type_code = line_types.line_type_code
    left join {{ ref('isu_billed_units') }} as units
        on lines.unit_code = units.unit_code
    where not lines.is_deleted
    group by lines.client, lines.billing_document_id
),

readings as (
    select
        reading_lines.client,
        reading_lines.billing_document_id,
        coalesce(bool_or(estimation_codes.is_estimated), false) as is_estimated,
        list_sort(
            list(distinct 'is_estimated=' || readings.estimation_code) filter (
                where readings.estimation_code is not null and estimation_codes.is_estimated is null
            )
        ) as unknown_codes
    from {{ ref('int_isu__latest_billing_reading_lines') }} as reading_lines
    semi join documents
        on
            reading_lines.client = documents.client
            and reading_lines.billing_document_id = documents.billing_document_id
    inner join {{ ref('int_isu__latest_meter_readings') }} as readings
        on reading_lines.client = readings.client and reading_lines.reading_id = readings.reading_id
    left join {{ ref('isu_estimation_codes') }} as estimation_codes
        on readings.estimation_code = estimation_codes.estimation_code
    where not reading_lines.is_deleted and not readings.is_deleted
    group by reading_lines.client, reading_lines.billing_document_id
),

final as (
    select
        documents.client,
        documents.print_document_id,
        documents.billing_document_id,
        documents.contract_id,

        documents.reversal_date is not null as is_reversed,
        documents.period_start_date,
        documents.period_end_date,
        energy.usage_quantity,
        energy.usage_unit,
        coalesce(readings.is_estimated, false) as is_estimated,

        documents.unread_dates || coalesce(energy.unknown_codes, []) || coalesce(readings.unknown_codes, [])
            as unknown_codes,
        documents.changed_at as last_updated_at,
        documents.through_sequence
    from documents
    left join energy
        on
            documents.client = energy.client
            and documents.billing_document_id = energy.billing_document_id
    left join readings
        on
            documents.client = readings.client
            and documents.billing_document_id = readings.billing_document_id
)

select * from final
