"""The whole history of a population for Opower, on demand."""

from __future__ import annotations

from airflow.sdk import DAG

from nightwatt.contracts.catalog import load_catalog
from nightwatt.settings import Settings
from nightwatt_airflow.defaults import dag_defaults, task_defaults
from nightwatt_airflow.phase_tasks import full_params, send_phase
from nightwatt_airflow.tags import Tag

DOCS = """
### The full history for Opower

**Purpose.** Everything the partner needs of a population's past, once. Incrementals go on from there: they take what
was loaded since, and what a cut left out.

**Owner.** Partner data. **Runs** when somebody triggers it.

**Inputs.** The published warehouse. Params: `delivery`, `last_day` (nothing later is in; some weeks back leave the
incrementals something to prove), `start_over` (of an approved population: it goes back to review), `business_date`.

**Outputs.** Files in the partner's review folder, split above the contract's size, and a receipt each in the ledger.

**Deadline.** None.

**If it fails.** *Clear* the failed task. What an earlier delivery began goes first. The same history of the same
publication and business date is sent once.

**Runbook.** `docs/runbooks/to_production.md`.
"""

settings = Settings()
catalog = load_catalog(settings.catalog, settings.systems)
deliveries = [d.delivery for d in catalog.deliveries.values() if d.partner == "opower"]

if deliveries:
    with DAG(
        dag_id="opower_full",
        description="the whole history of a population, to the review folder",
        schedule=None,
        doc_md=DOCS,
        tags=[Tag.TIER_2, Tag.DELIVERY],
        default_args=task_defaults(owner="partner-data"),
        **dag_defaults(owes={}) | {"params": full_params(deliveries)},
    ):
        send_phase.override(task_id="send_history")("full")
