"""The Opower billing files, once billing is published."""

from __future__ import annotations

from airflow.sdk import DAG, AssetOrTimeSchedule

from nightwatt.contracts.catalog import load_catalog
from nightwatt.settings import Settings
from nightwatt_airflow.defaults import dag_defaults, nightly, task_defaults
from nightwatt_airflow.stage_tasks import PUBLISHED, check_published, deliver_file, watch_sendings
from nightwatt_airflow.tags import Tag

DOCS = """
### Opower billing files, every night

**Purpose.** What was billed since the last files, and the customers, accounts and service points it belongs to, in the
form the partner's specification asks for.

**Owner.** Partner data. **Runs** when billing is published, and at a quarter to each hour from 05:45 to 09:45 local
time in case the doorbell was not heard. A run that finds nothing published for the business date is skipped; one that
finds the files delivered does nothing.

**Inputs.** The published warehouse, pinned to the publication of the business date, and the archive of what was sent.

**Outputs.** Files in the partner's folder, customers before usage, and a delivery receipt each with its SHA-256.
Corrections the partner takes in no form are held: finding `billing.not_expressible`.

**Watch.** Each run also looks whether a file is missing or unusually small (`nightwatt opower watch`), and writes
what is news into the ledger.

**Deadline.** By the deadline of the delivery contract, on the local wall clock of the business date. A run
that finds nothing to send after that time fails.

**If it fails.** *Clear* the failed task: the ledger and what lies in the partner's folder decide whether a file is
sent, resumed, or only recorded, so it is never sent twice. The one exception is the state `unknown` (the rename was
tried and neither name is there): ask the partner first, as the message says. A past night is sent by triggering
the DAG with `business_date`; nothing old goes out by itself.

**Runbook.** `docs/runbooks/` (by symptom); `docs/partners/opower.md` for the files.
"""

settings = Settings()
catalog = load_catalog(settings.catalog, settings.systems)
deliveries = [d for d in catalog.deliveries.values() if d.kind == "opower_billing"]

if deliveries:
    with DAG(
        dag_id="opower_billing_delivery",
        description="the Opower billing files, from the published billing",
        schedule=AssetOrTimeSchedule(assets=PUBLISHED["billing"], timetable=nightly("45 5-9 * * *")),
        doc_md=DOCS,
        tags=[Tag.TIER_2, Tag.DELIVERY],
        default_args=task_defaults(owner="partner-data"),
        **dag_defaults(owes={d.delivery: d.deadline for d in deliveries}),
    ):
        watch_sendings()  # of the runs before; on its own, so that it hides no failure and no failure keeps it back
        for contract in deliveries:
            name = contract.delivery
            ready = check_published.override(task_id=f"check_billing_for_{name}")("billing", name)
            ready >> deliver_file.override(task_id=f"deliver_{name}")(name)
