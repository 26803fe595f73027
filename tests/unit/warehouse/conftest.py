"""A home, a book and a tiny dbt project for the warehouse's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nightwatt.ledger import Ledger
from nightwatt.settings import Settings

PROJECT = {
    "dbt_project.yml": """
name: tiny
version: "1.0.0"
config-version: 2
profile: tiny
flags: {send_anonymous_usage_stats: false}
models:
  tiny:
    marts:
      +materialized: table
      +schema: marts
""",
    "profiles.yml": """
tiny:
  target: dev
  outputs:
    dev: {type: duckdb, path: "{{ env_var('NIGHTWATT_WAREHOUSE_FILE') }}", threads: 1}
""",
    "models/sources.yml": """
sources:
  - name: lake
    schema: lake
    tables: [{name: ccb_per}, {name: interval_reads}, {name: touched_reads}, {name: receipts}]
""",
    "models/marts/dim_customer.sql": """
{{ config(tags=['billing']) }}
select per_id as customer_id, cast(per_id as integer) as number from {{ source('lake', 'ccb_per') }}
""",
    "models/marts/dim_customer.yml": """
models:
  - name: dim_customer
    description: One row per customer.
    config: {contract: {enforced: true}}
    constraints: [{type: primary_key, columns: [customer_id]}]
    columns:
      - {name: customer_id, data_type: varchar, data_tests: [not_null]}
      - {name: number, data_type: integer}
""",
    "models/marts/fct_usage_daily.sql": """
{{ config(tags=['usage'], materialized='incremental', incremental_strategy='delete+insert',
          unique_key=['service_point_id', 'channel', 'usage_date'], meta={'partition_by': 'usage_date'}) }}
select service_point_id, channel, read_date as usage_date, sum(value) as usage_quantity
from {{ source('lake', 'interval_reads') }}
{% if is_incremental() %}
semi join {{ source('lake', 'touched_reads') }} using (service_point_id, channel, read_date)
{% endif %}
group by all
""",
    "models/marts/ops_receipts.sql": """
{{ config(tags=['ops']) }}
select id, feed from {{ source('lake', 'receipts') }}
""",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    project = tmp_path / "project"
    for name, content in PROJECT.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    return Settings(home=tmp_path / "home", memory_limit="500MB", threads=2, dbt_project=project)


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    book = Ledger.open(settings.ledger_address)
    yield book
    book.close()
