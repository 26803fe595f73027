"""The Opower interval file, once usage is published."""

from __future__ import annotations

from airflow.sdk import DAG, AssetOrTimeSchedule

from nightwatt.contracts.catalog import load_catalog
from nightwatt.settings import Settings
from nightwatt_airflow.defaults import dag_defaults, nightly, task_defaults
from nightwatt_airflow.stage_tasks import PUBLISHED, check_published, deliver_file, watch_sendings
from nightwatt_airflow.tags import Tag

DOCS = """
### Opower interval file, every night

**Purpose.** The night's interval reads for Opower, in the form the partner's specification asks for.

**Owner.** Partner data. **Runs** when usage is published, and at half past each hour from 05:30 to 09:30 local time
in case the doorbell was not heard. A run that finds nothing published for the business date is skipped; one that
finds the file delivered does nothing.

**Inputs.** The published warehouse, pinned to the publication of the business date; nothing else.

**Outputs.** One file in the partner's folder and a delivery receipt in the ledger, with the file's SHA-256.

**Watch.** Each run also looks whether a file is missing or unusually small (`nightwatt opower watch`), and writes
what is news into the ledger.

**Deadline.** By the deadline of the delivery contract, on the local wall clock of the business date. A run
that finds nothing to send after that time fails.

**If it fails.** *Clear* the failed task: the ledger and what lies in the partner's folder decide whether the file is
sent, resumed, or only recorded, so it is never sent twice. The one exception is the state `unknown` (the rename was
tried and neither name is there): ask the partner first, as the message says. A past night is sent by triggering
the DAG with `business_date`; nothing old goes out by itself.

**Runbook.** `docs/runbooks/` (by symptom).
"""

settings = Settings()
catalog = load_catalog(settings.catalog, settings.systems)
deliveries = [d for d in catalog.deliveries.values() if d.kind == "opower_interval"]

if deliveries:
    with DAG(
        dag_id="opower_interval_delivery",
        description="the Opower interval file, from the published usage",
        schedule=AssetOrTimeSchedule(assets=PUBLISHED["usage"], timetable=nightly("30 5-9 * * *")),
        doc_md=DOCS,
        tags=[Tag.TIER_2, Tag.DELIVERY],
        default_args=task_defaults(owner="partner-data"),
        **dag_defaults(owes={d.delivery: d.deadline for d in deliveries}),
    ):
        watch_sendings()  # of the runs before; on its own, so that it hides no failure and no failure keeps it back
        for contract in deliveries:
            name = contract.delivery
            ready = check_published.override(task_id=f"check_usage_for_{name}")("usage", name)
            ready >> deliver_file.override(task_id=f"deliver_{name}")(name)
