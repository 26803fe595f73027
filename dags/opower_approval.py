"""The step to production of a population for Opower: a person's word."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from nightwatt.contracts.catalog import load_catalog
from nightwatt.settings import Settings
from nightwatt_airflow.defaults import dag_defaults, task_defaults
from nightwatt_airflow.phase_tasks import ANSWER_WITHIN, ask, delivery_params, find_review_file, record_decision
from nightwatt_airflow.tags import Tag

DOCS = """
### May this population go to production?

**Purpose.** Incrementals go to the review folder until a person says that the partner has approved one of them.

**Owner.** Partner data. **Runs** when somebody triggers it, with the `delivery`. It then waits for an answer under
*Required Actions*, a week at most; nightly files go on to the review folder meanwhile.

**Inputs.** The newest review file: name, rows, bytes and checksum are shown. Our copy is compared with the ledger
before the question and again before a yes counts.

**Outputs.** A row in the ledger: who decided what, when, about which bytes, with a note. After a yes the next
incremental goes to the production folder, where the partner loads within minutes. No answer in time is a no, and a
row too.

**Deadline.** None.

**If it fails.** The message says why: nothing to approve, approved already, an incomplete profile, a file that
changed or that a new history followed. *Clear* `find_review_file` to be asked again, or `record_decision` to try the
same answer again.

**Runbook.** `docs/runbooks/to_production.md`.
"""

settings = Settings()
catalog = load_catalog(settings.catalog, settings.systems)
deliveries = [d.delivery for d in catalog.deliveries.values() if d.partner == "opower"]

if deliveries:
    with DAG(
        dag_id="opower_approval",
        description="a person says whether a population goes to production",
        schedule=None,
        doc_md=DOCS,
        tags=[Tag.TIER_2, Tag.DELIVERY],
        default_args=task_defaults(owner="partner-data"),
        **dag_defaults(owes={})
        | {
            "params": delivery_params(deliveries),
            "dagrun_timeout": ANSWER_WITHIN + timedelta(days=1),
            "max_active_runs": len(deliveries),  # a question about one population does not hold up the others'
        },
    ):
        shown = find_review_file()
        question = ask()
        shown >> question
        record_decision(shown, question.output)
