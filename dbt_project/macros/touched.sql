{#-
    What changed in the reads store since the last build, as SQL conditions that prune.

    lake.touched_reads holds the keys (service point, channel, local read date). Their dates are written into the SQL
    as literals so that only the partitions of those dates are opened. Many dates become a range.
-#}
{% macro touched_dates() -%}
    {%- if execute -%}
        {%- set found = run_query(
            'select distinct read_date::varchar as read_date from ' ~ source('lake', 'touched_reads') ~ ' order by 1'
        ) -%}
        {{ return(found.columns[0].values() | list) }}
    {%- endif -%}
    {{ return([]) }}
{%- endmacro %}

{% macro in_touched_dates(column) -%}
    {%- set dates = touched_dates() -%}
    {%- if dates | length == 0 -%}
        false
    {%- elif dates | length <= 62 -%}
        {{ column }} in ({% for d in dates %}date '{{ d }}'{{ ', ' if not loop.last }}{% endfor %})
    {%- else -%}
        {{ column }} between date '{{ dates[0] }}' and date '{{ dates[-1] }}'
    {%- endif -%}
{%- endmacro %}

{% macro in_touched_months(column) -%}
    {%- set dates = touched_dates() -%}
    {%- if dates | length == 0 -%}
        false
    {%- else -%}
        {{ column }} between date_trunc('month', date '{{ dates[0] }}') and last_day(date '{{ dates[-1] }}')
    {%- endif -%}
{%- endmacro %}

{#-
    Before an incremental run inserts: removes every row of the touched keys, so that a day or month that lost its last
    read does not stay. `period` is the column and `of_read_date` what it holds of a read date. A build from nothing
    has nothing to remove.
-#}
{% macro remove_touched(period, of_read_date, in_touched_periods) -%}
    {%- if is_incremental() -%}
        delete from {{ this }} as known
        using (
            select distinct
                service_point_id,
                channel,
                {{ of_read_date }} as {{ period }}
            from {{ source('lake', 'touched_reads') }}
        ) as touched
        where
            {{ in_touched_periods }}
            and known.service_point_id = touched.service_point_id
            and known.channel = touched.channel
            and known.{{ period }} = touched.{{ period }}
    {%- endif -%}
{%- endmacro %}

{% macro remove_touched_days() -%}
    {{ remove_touched('usage_date', 'read_date', in_touched_dates('known.usage_date')) }}
{%- endmacro %}

{% macro remove_touched_months() -%}
    {{ remove_touched('usage_month', "date_trunc('month', read_date)::date", in_touched_months('known.usage_month')) }}
{%- endmacro %}
