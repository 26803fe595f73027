"""Usage, every night: from the meter files to the published usage marts."""

from __future__ import annotations

from airflow.sdk import DAG

from nightwatt.alerting.plan import DOMAIN_DEADLINES
from nightwatt.contracts.catalog import load_catalog
from nightwatt.settings import Settings
from nightwatt_airflow.defaults import dag_defaults, nightly, task_defaults
from nightwatt_airflow.stage_tasks import build_marts, merge_reads, publish_marts, take_in, write_data_dictionary
from nightwatt_airflow.tags import Tag

DOCS = """
### Usage, every night

**Purpose.** What every service point used, by local day and month, from the interval reads the meter data
system sent; corrections of earlier days included.

**Owner.** Usage data. **Runs** at 01:00 local time; works on the local date on which it is due. The files of that
date carry the reads of the local day before, which has 23, 24 or 25 hours.

**Inputs.** The feeds of domain `usage` in the catalog (MDM interval files). `nightwatt feeds list` names them.

**Outputs.** `fct_usage_daily`, `fct_usage_monthly`, and `fct_interval_reads` pinned to one version of the reads
store, in the published warehouse. Publishing rings the doorbell of the deliveries made from usage.

**Deadline.** Published by **07:00** local wall-clock time on the business date.

**If it fails.** Nothing half-done is visible: readers keep the last publication, which says how old it is.
Read the failed task's last line: it names the file and what to do. Then *clear* the failed task; every task may
be run again at any time, and one that finds its work done does nothing. To repeat a past night, trigger the DAG
with `business_date`.

**Runbook.** `docs/runbooks/` (by symptom).
"""

settings = Settings()

with DAG(
    dag_id="usage_daily",
    description="MDM interval files to published usage marts, by 07:00",
    schedule=nightly("0 1 * * *"),
    doc_md=DOCS,
    tags=[Tag.TIER_1, Tag.USAGE],
    default_args=task_defaults(owner="usage-data"),
    **dag_defaults(owes={"usage": DOMAIN_DEADLINES["usage"]}),
):
    feeds = [take_in(feed) for feed in load_catalog(settings.catalog, settings.systems).feeds_of("usage")]
    feeds >> merge_reads() >> build_marts("usage") >> publish_marts("usage") >> write_data_dictionary()
