"""A look after the night from inside Airflow, every five minutes."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from nightwatt_airflow.defaults import dag_defaults, nightly, task_defaults
from nightwatt_airflow.tags import Tag
from nightwatt_airflow.watch_task import look_after_the_night

DOCS = """
### A look after the night

**Purpose.** Open, worsen and close alerts, and tell people: what the watchdog outside Airflow does every minute, from
inside. Each of the two notices when the other is silent; whoever looks second finds it told.

**Owner.** Platform. **Runs** every five minutes; each run takes seconds.

**Inputs.** The ledger and the catalog; `alerting.yaml` says who is told how.

**Outputs.** Alerts and messages in the ledger, and its own sign of life.

**Deadline.** None; a silence of a quarter of an hour is an alert of the watchdog.

**If it fails.** The next run looks again, nothing is lost. If every run fails, the message says why: usually the ledger
is away, or `alerting.yaml` has a fault.

**Runbook.** `docs/runbooks/alerts.md`.
"""

with DAG(
    dag_id="watch_night",
    description="opens and closes alerts and tells people, every five minutes",
    schedule=nightly("*/5 * * * *"),
    doc_md=DOCS,
    tags=[Tag.TIER_1, Tag.PLATFORM],
    default_args=task_defaults(owner="platform") | {"execution_timeout": timedelta(minutes=4)},
    **dag_defaults(owes={}) | {"dagrun_timeout": timedelta(minutes=15)},
):
    look_after_the_night()
