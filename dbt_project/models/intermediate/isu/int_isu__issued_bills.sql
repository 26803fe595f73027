-- Print documents that are bills: posted, released, no simulation, and not the document that reverses another. A
-- reversed bill stays one.
with print_documents as (
    select
        *,
        {{ var('isu_bill_date') }} as bill_date
    from {{ ref('int_isu__latest_print_documents') }}
    where not is_deleted
),

reversing_documents as (
    select distinct
        client,
        reversing_document_id
    from print_documents
    where reversing_document_id is not null
),

final as (
    select print_documents.*
    from print_documents
    anti join reversing_documents
        on
            print_documents.client = reversing_documents.client
            and print_documents.print_document_id = reversing_documents.reversing_document_id
    where
        print_documents.is_posted
        and not print_documents.is_simulated
        and not print_documents.is_held_back
)

select * from final
