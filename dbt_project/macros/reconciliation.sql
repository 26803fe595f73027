{#-
    The newest version of each row of a staging table, made here again from every version and not taken from the
    models it is to check. `live` leaves out rows whose newest version says that they were deleted (SAP).
-#}
{% macro newest_versions(relation, key, live=false) -%}
    select *
    from {{ relation }}
    qualify
        row_number() over (partition by {{ key | join(', ') }} order by {{ newest_first() }}) = 1
        {%- if live %} and not is_deleted{% endif %}
{%- endmacro %}

{#- How many rows of an entity each account has, or each key where `native_id` is the row's own. -#}
{% macro source_rows(entity, relation, native_id, where='true') -%}
    select
        '{{ entity }}' as entity,
        'rows' as measure,
        {{ native_id }} as native_id,
        count(*)::decimal(28, 2) as amount
    from {{ relation }}
    where {{ where }}
    group by all
{%- endmacro %}

{#- What an amount of an entity comes to, account by account. -#}
{% macro source_amounts(entity, measure, relation, native_id, amount, where='true') -%}
    select
        '{{ entity }}' as entity,
        '{{ measure }}' as measure,
        {{ native_id }} as native_id,
        coalesce(sum({{ amount }}), 0)::decimal(28, 2) as amount
    from {{ relation }}
    where {{ where }}
    group by all
{%- endmacro %}

{#-
    The entities that are reconciled: name, model, mart(s), what their rows are counted by (the billing account's own
    number, or the row's), and the amounts that must agree.
-#}
{% macro reconciled_entities() -%}
    {%- set account = "split_part(billing_account_key, '|', 3)" -%}
    {{ return([
        {'name': 'party', 'model': 'parties', 'marts': ['crm_party'], 'by': 'native_id'},
        {'name': 'contact', 'model': 'contacts', 'marts': ['crm_contact'], 'by': 'native_id'},
        {'name': 'billing_account', 'model': 'billing_accounts', 'marts': ['crm_billing_account'], 'by': 'native_id',
            'amounts': {'balance_usd': 'balance_amount_usd'}},
        {'name': 'account_role', 'model': 'account_roles', 'marts': ['crm_account_role'], 'by': account},
        {'name': 'premise', 'model': 'premises', 'marts': ['crm_premise_parent', 'crm_premise'], 'by': 'native_id'},
        {'name': 'service_point', 'model': 'service_points', 'marts': ['crm_service_point'], 'by': 'native_id'},
        {'name': 'device', 'model': 'devices', 'marts': ['crm_device'], 'by': 'native_id'},
        {'name': 'service_agreement', 'model': 'service_agreements', 'marts': ['crm_service_agreement'], 'by': account},
        {'name': 'agreement_item', 'model': 'agreement_items', 'marts': ['crm_agreement_item'], 'by': 'native_id'},
        {'name': 'bill', 'model': 'bills', 'marts': ['crm_bill'], 'by': account,
            'amounts': {'charges_usd': 'current_charges_usd'}},
        {'name': 'bill_service', 'model': 'bill_services', 'marts': ['crm_bill_service'], 'by': account,
            'amounts': {'charges_usd': 'amount_usd'}},
        {'name': 'payment', 'model': 'payments', 'marts': ['crm_payment'], 'by': account,
            'amounts': {'paid_usd': 'payment_amount_usd'}},
    ]) }}
{%- endmacro %}

{#- The totals of a domain's accounts, as the whole body of its reconciliation. -#}
{% macro reconciliation_totals(relation) -%}
with accounts as (
    select * from {{ relation }}
),

totals as (
    select
        source_system,
        entity,
        measure,
        sum(source_value) as source_value,
        sum(published_value) as published_value,
        sum(quarantined_value) as quarantined_value,
        -- account by account: what one lacks, another's surplus does not make good
        sum(abs(source_value - published_value - quarantined_value)) as difference_value,
        sum(abs(source_value)) as compared_value,
        count(*) filter (where source_value <> published_value + quarantined_value) as differing_count
    from accounts
    group by all
),

final as (
    select
        source_system,
        entity,
        measure,
        source_value::decimal(28, 2) as source_value,
        published_value::decimal(28, 2) as published_value,
        quarantined_value::decimal(28, 2) as quarantined_value,
        difference_value::decimal(28, 2) as difference_value,
        case
            when difference_value = 0 then 0
            when compared_value = 0 then 100
            else least(100 * difference_value::double / compared_value::double, 100)
        end::decimal(18, 6) as variance_pct,
        differing_count::integer as differing_count
    from totals
)

select * from final
{%- endmacro %}
