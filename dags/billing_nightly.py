"""Billing, every night: from the CC&B extracts to the published billing marts."""

from __future__ import annotations

from airflow.sdk import DAG

from nightwatt.alerting.plan import DOMAIN_DEADLINES
from nightwatt.contracts.catalog import load_catalog
from nightwatt.settings import Settings
from nightwatt_airflow.defaults import dag_defaults, nightly, task_defaults
from nightwatt_airflow.stage_tasks import build_marts, publish_marts, take_in, write_data_dictionary
from nightwatt_airflow.tags import Tag

DOCS = """
### Billing, every night

**Purpose.** Customers, accounts, premises, service points, meters and bills as the billing system saw them last
night, ready for people and partners in the morning.

**Owner.** Billing data. **Runs** at 00:30 local time; works on the local date on which it is due.

**Inputs.** The feeds of domain `billing` in the catalog (CC&B table extracts). `nightwatt feeds list` names them.

**Outputs.** `dim_customer`, `dim_account`, `dim_premise`, `dim_service_point`, `dim_meter`, `fct_bills` in the
published warehouse, and a row in the ledger for every step.

**Deadline.** Published by **06:00** local wall-clock time on the business date.

**If it fails.** Nothing half-done is visible: readers keep the last publication, which says how old it is.
Read the failed task's last line: it names the file and what to do. Then *clear* the failed task; every task may
be run again at any time, and one that finds its work done does nothing. To repeat a past night, trigger the DAG
with `business_date`. A feed that will not come tonight is a decision for the owner named in its contract.

**Runbook.** `docs/runbooks/` (by symptom).
"""

settings = Settings()

with DAG(
    dag_id="billing_nightly",
    description="CC&B extracts to published billing marts, by 06:00",
    schedule=nightly("30 0 * * *"),
    doc_md=DOCS,
    tags=[Tag.TIER_1, Tag.BILLING],
    default_args=task_defaults(owner="billing-data"),
    **dag_defaults(owes={"billing": DOMAIN_DEADLINES["billing"]}),
):
    feeds = [take_in(feed) for feed in load_catalog(settings.catalog, settings.systems).feeds_of("billing")]
    feeds >> build_marts("billing") >> publish_marts("billing") >> write_data_dictionary()
