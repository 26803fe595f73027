"""A population's way to production as Airflow tasks: samples and histories on demand, and asking a person.

Belongs here: the params a person fills in, the question as Airflow shows it, and handing both to a stage. Does not
belong here: what a stage does (`nightwatt.stages`) and in which order (the DAG files).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param, get_current_context, task

from nightwatt.delivery.phases import Phase, PhaseKind
from nightwatt_airflow import lineage, metrics
from nightwatt_airflow.business_date import business_date_in, business_date_params
from nightwatt_airflow.run_of import started_by

APPROVE, REJECT = "Approve", "Reject"
ANSWER_WITHIN = timedelta(days=7)
FIND, ASK = "find_review_file", "ask"

_SHOWN = f"ti.xcom_pull(task_ids='{FIND}')"
SUBJECT = f"May {{{{ {_SHOWN}['delivery'] }}}} go to production?"
BODY = f"""{{% set f = {_SHOWN} %}}
The newest file in the review folder. Say yes only if the partner has approved it: the next file goes to production,
where the partner loads within minutes. No answer is a no.

| | |
|---|---|
| file | `{{{{ f['file_name'] }}}}` |
| rows | {{{{ '{{:,}}'.format(f['rows']) }}}} |
| bytes | {{{{ '{{:,}}'.format(f['size_bytes']) }}}} |
| sha256 | `{{{{ f['sha256'] }}}}` |
| lies at | `{{{{ f['remote_path'] }}}}` since {{{{ f['delivered_at'] }}}} |
| business date | {{{{ f['business_date'] }}}} |
{{% for other in f['beside'] -%}}
| with it | `{{{{ other['file_name'] }}}}`: {{{{ '{{:,}}'.format(other['rows']) }}}} rows, `{{{{ other['sha256'] }}}}` |
{{% endfor %}}
"""


def delivery_params(deliveries: Sequence[str]) -> dict[str, Param]:
    """Return the params of a DAG that is about one delivery."""
    chosen = Param(deliveries[0], type="string", enum=list(deliveries), title="Delivery", description="the population")
    return business_date_params() | {"delivery": chosen}


def history_params(deliveries: Sequence[str]) -> dict[str, Param]:
    """Return the params of a DAG that sends a history."""
    cut = Param(
        None,
        type=["null", "string"],
        format="date",
        title="Last day",
        description="last local day that is in (YYYY-MM-DD); empty: no cut. The next incremental takes the rest",
    )
    return delivery_params(deliveries) | {"last_day": cut}


def sample_params(deliveries: Sequence[str]) -> dict[str, Param]:
    """Return the params of a DAG that sends a sample."""
    return history_params(deliveries) | {
        "size": Param(
            15_000,
            type="integer",
            minimum=1,
            title="Size",
            description="accounts; the partner asks for 10,000 to 20,000",
        ),
        "seed": Param(1, type="integer", title="Seed", description="another seed chooses other accounts"),
    }


def full_params(deliveries: Sequence[str]) -> dict[str, Param]:
    """Return the params of a DAG that sends the whole history."""
    again = Param(
        False,
        type="boolean",
        title="Start over",
        description="of an approved population: back to review with a new history, until it is approved again",
    )
    return history_params(deliveries) | {"start_over": again}


def phase_of(params: Mapping[str, Any], kind: PhaseKind) -> Phase:
    """Return the phase that a run's params ask for."""
    last_day = params.get("last_day")
    cut = date.fromisoformat(last_day) if last_day else None
    return Phase(kind, cut, params.get("size", Phase.size), params.get("seed", Phase.seed))


@task(execution_timeout=timedelta(hours=2))
def send_phase(kind: str) -> dict[str, Any]:
    """Write, check and send the sample or the history asked for; the second time, do nothing."""
    from nightwatt.stages import Platform, deliver_phase

    context = get_current_context()
    params = context["params"]
    delivery, phase = params["delivery"], phase_of(params, PhaseKind(kind))
    start_over = bool(params.get("start_over", False))
    with Platform.open(started_by=started_by(context)) as platform, metrics.stage("deliver", delivery):
        summary = deliver_phase(platform, delivery, business_date_in(context), phase, start_over=start_over)
        lineage.delivered(platform, summary)
    metrics.delivered(summary)
    return summary.to_dict()


@task(task_id=FIND)
def find_review_file() -> dict[str, Any]:
    """Look up the newest review file, and compare our copy with the ledger before anybody is asked."""
    from nightwatt.stages import Platform, review_file

    context = get_current_context()
    with Platform.open(started_by=started_by(context)) as platform:
        return review_file(platform, context["params"]["delivery"]).to_dict()


def ask() -> HITLOperator:
    """Ask a person; no answer is a no. The task waits without a worker."""
    return HITLOperator(
        task_id=ASK,
        subject=SUBJECT,
        body=BODY,
        options=[APPROVE, REJECT],
        defaults=REJECT,
        params={
            "note": Param("", type="string", title="Note", description="why, or on whose word; kept in the ledger")
        },
        response_timeout=ANSWER_WITHIN,
    )


@task
def record_decision(shown: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """Write down who decided what; a yes only if the file is still the one that was shown."""
    from nightwatt.delivery.approval import ReviewFile
    from nightwatt.stages import Platform, approve, reject

    context = get_current_context()
    user = answer.get("responded_by_user")
    by = str(user["name"] or user["id"]) if user else f"nobody answered {started_by(context)}"
    note = (answer.get("params_input") or {}).get("note") or None
    decide = approve if answer["chosen_options"] == [APPROVE] else reject
    with Platform.open(started_by=started_by(context)) as platform:
        found = decide(platform, ReviewFile.from_dict(shown), by, note)
    return {"delivery": found.delivery, "state": found.state.value, "decided_by": by}
