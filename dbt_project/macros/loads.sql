{#-
    What a billing model has seen already.

    Loads get their number when they start, and two may end in either order, so "everything above the highest
    number seen" would lose one. The set of loads seen is remembered instead, by int_<system>__built_loads, which is
    built after every model of the system that asks; a run that dies in between sees those loads again and makes the same
    rows. A load is of one system only, so the systems' sets can be looked at as one.
-#}
{% macro built_loads() -%}
    (
        {%- for system in ['ccb', 'isu'] -%}
            {%- set relation = adapter.get_relation(
                database=target.database, schema='intermediate', identifier='int_' ~ system ~ '__built_loads'
            ) if execute else none -%}
            {%- if relation -%}
                select load_sequence from {{ relation }} union all {{ ' ' }}
            {%- endif -%}
        {%- endfor -%}
        select null::bigint as load_sequence where false
    )
{%- endmacro %}

{% macro is_new_row() -%}
    {%- if is_incremental() -%}
        _load_sequence not in {{ built_loads() }}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{#-
    Newest source update first, then the newest receipt (a file loaded again is no newer than it was), then its newest
    load, then the later line of the file. The one order of the platform.
-#}
{% macro newest_first() -%}
    last_updated_at desc nulls last, _receipt_id desc, _load_sequence desc, _source_row desc
{%- endmacro %}

{#-
    The newest version of each key, as the whole body of an incremental model: only keys that a new load mentions are
    looked at again. Latest-wins over a total order does not care in which steps it is done, so this equals a rebuild.

    `within` completes the key with columns that may be null: a null joins and deletes nothing, so rows that share
    `key` are taken and replaced together.
-#}
{% macro latest_rows(relation, key, within=[]) -%}
with new_rows as (
    select *
    from {{ relation }}
    where {{ is_new_row() }}
),

{% if is_incremental() %}
known_rows as (
    select known.*
    from {{ this }} as known
    semi join new_rows
        on {% for column in key %}known.{{ column }} = new_rows.{{ column }}{{ ' and ' if not loop.last }}{% endfor %}
),

versions as (
    select * from new_rows
    union all by name
    select * from known_rows
),
{% else %}
versions as (
    select * from new_rows
),
{% endif %}

final as (
    select *
    from versions
    qualify row_number() over (
        partition by {{ (key + within) | join(', ') }}
        order by {{ newest_first() }}
    ) = 1
)

select * from final
{%- endmacro %}

{#-
    Keys that the newest complete full file of a feed, or any file of a later business date, contains: what is not among
    them is absent. No complete file yet, or a contract that says `absence: keep`: no rows, and nobody may be called
    absent.
-#}
{% macro keys_present(relation, feed, key) -%}
    {%- set receipts = source('lake', 'receipts') -%}
    {%- set loads = source('lake', 'loads') %}
    select distinct rows_of_feed.{{ key }}
    from {{ relation }} as rows_of_feed
    where rows_of_feed._load_sequence in (
        select loads.sequence
        from {{ loads }} as loads
        inner join {{ receipts }} as receipts on loads.receipt_id = receipts.id
        where
            receipts.feed = '{{ feed }}'
            and receipts.feed in (
                select feeds.feed
                from {{ source('lake', 'feeds') }} as feeds
                where feeds.absence = 'close'
            )
            and loads.state = 'done'
            and receipts.superseded_by_id is null
            and receipts.business_date >= (
                select max(complete.business_date)
                from {{ receipts }} as complete
                where
                    complete.feed = '{{ feed }}'
                    and complete.is_complete
                    and complete.state = 'loaded'
                    and complete.superseded_by_id is null
            )
    )
{%- endmacro %}
