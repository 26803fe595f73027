"""The customer picture to the CRM, once its domains are published."""

from __future__ import annotations

from airflow.sdk import DAG, AssetOrTimeSchedule

from nightwatt.contracts.catalog import load_catalog
from nightwatt.settings import Settings
from nightwatt_airflow.defaults import dag_defaults, nightly, task_defaults
from nightwatt_airflow.stage_tasks import PUBLISHED, check_published, deliver_file, take_answers
from nightwatt_airflow.tags import Tag

DOCS = """
### The customer picture to the CRM, every night

**Purpose.** What changed of customers, accounts, places, agreements, bills and usage since the CRM's last word, in the
form its profile asks for.

**Owner.** Customer data. **Runs** when billing or usage is published, and at a quarter past each hour from 04:15 to
09:15 local time in case a doorbell was not heard. A delivery whose domain is not published for the business date is
skipped; one that has compared the publication with the CRM's state does nothing.

**Inputs.** What the CRM answered (`inbound/acks/<delivery>/`), first; then the published warehouse.

**Outputs.** The acknowledged state; a file an object and a manifest in the CRM's folder, a receipt each in the ledger.

**Deadline.** By the deadline of each delivery contract, on the local wall clock of the business date. A run that finds
nothing to send after that time fails.

**If it fails.** *Clear* the failed task. Answers taken in twice change nothing; files are sent, resumed, or only
recorded by what the ledger and the partner's folder say, so never twice. The one exception is the state `unknown`: ask
the partner first, as the message says. Rows the CRM refused do not fail the run; they are findings and go again.

**Runbook.** `docs/runbooks/` (by symptom); `docs/partners/crm.md` for the files.
"""

deliveries = [d for d in load_catalog(Settings().catalog).deliveries.values() if d.kind == "crm"]

if deliveries:
    with DAG(
        dag_id="crm_delivery",
        description="answers taken in, then what changed since the CRM's last word",
        schedule=AssetOrTimeSchedule(
            assets=PUBLISHED["billing"] | PUBLISHED["usage"], timetable=nightly("15 4-9 * * *")
        ),
        doc_md=DOCS,
        tags=[Tag.TIER_2, Tag.DELIVERY],
        default_args=task_defaults(owner="customer-data"),
        **dag_defaults(owes={d.delivery: d.deadline for d in deliveries}),
    ):
        for contract in deliveries:
            name = contract.delivery
            answered = take_answers.override(task_id=f"take_answers_to_{name}")(name)
            ready = check_published.override(task_id=f"check_{contract.domain}_for_{name}")(contract.domain, name)
            answered >> ready >> deliver_file.override(task_id=f"deliver_{name}")(name)
