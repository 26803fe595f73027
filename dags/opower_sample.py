"""A sample of a population's history for Opower, on demand."""

from __future__ import annotations

from airflow.sdk import DAG

from nightwatt.contracts.catalog import load_catalog
from nightwatt.settings import Settings
from nightwatt_airflow.defaults import dag_defaults, task_defaults
from nightwatt_airflow.phase_tasks import sample_params, send_phase
from nightwatt_airflow.tags import Tag

DOCS = """
### A sample for Opower

**Purpose.** The history of a random sample of accounts, so that the partner can look at real files. A sample never
counts as sent. Several rounds are normal.

**Owner.** Partner data. **Runs** when somebody triggers it.

**Inputs.** The published warehouse. Params: `delivery`, `last_day` (nothing later is in), `size` (accounts; the
partner asks for 10,000 to 20,000), `seed` (the same seed chooses the same accounts, in every kind of file),
`business_date`.

**Outputs.** Files in the partner's review folder, and a receipt each in the ledger.

**Deadline.** None.

**If it fails.** *Clear* the failed task. The same parameters for the same publication and business date are sent
once; other parameters make a new file with a later stamp.

**Runbook.** `docs/runbooks/to_production.md`.
"""

settings = Settings()
catalog = load_catalog(settings.catalog, settings.systems)
deliveries = [d.delivery for d in catalog.deliveries.values() if d.partner == "opower"]

if deliveries:
    with DAG(
        dag_id="opower_sample",
        description="the history of a random sample of accounts, to the review folder",
        schedule=None,
        doc_md=DOCS,
        tags=[Tag.TIER_2, Tag.DELIVERY],
        default_args=task_defaults(owner="partner-data"),
        **dag_defaults(owes={}) | {"params": sample_params(deliveries)},
    ):
        send_phase.override(task_id="send_sample")("sample")
