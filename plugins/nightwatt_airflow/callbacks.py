"""What happens when a task or a run fails, or a deadline passes: a log line, and a look.

Belongs here: turning Airflow's callback contexts into log lines, and calling the one look. Does not belong here: the
verdict and the channels (`nightwatt.alerting`).

A callback knows what has just happened and nothing else; whether that matters, and whether it was told already, is the
ledger's word. So each of them looks, as the watchdog and `watch_night` do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from nightwatt import log
from nightwatt.alerting.verdict import NightVerdict, verdict_on
from nightwatt.errors import NightWattError
from nightwatt.settings import Settings
from nightwatt_airflow.business_date import business_date_in, business_date_of
from nightwatt_airflow.run_of import started_by

logger = log.get("airflow")

STAGE_OF = {"load_files": "load", "merge_reads": "merge", "build_marts": "build", "publish_marts": "publish"}
"""Which stage a task runs; the feed of a load is the task's group."""

DELIVERY_STAGES = {"take_answers_to_": "acknowledge", "deliver_": "deliver"}
"""How the tasks begin that are named for a delivery, and which stage they run."""


def report_task_failure(context: Mapping[str, Any]) -> None:
    """Log which task failed, why, and what to do, the moment it does; then look."""
    ti, error = context["ti"], context.get("exception")
    known = error if isinstance(error, NightWattError) else None
    logger.error(
        "task failed",
        run=started_by(context),
        task=ti.task_id,
        business_date=str(business_date_in(context)),
        code=known.code if known else "task.crashed",
        # A message we did not write may quote the rows it stumbled over.
        message=known.message if known else type(error).__name__,
        remedy=known.remedy if known else "read the task's log",
    )
    end_killed_runs(ti.task_id, started_by(context))
    look((), business_date_in(context), started_by(context))


def end_killed_runs(task_id: str, name: str) -> None:
    """End in the ledger what a task began and was killed in: nobody else would, and the verdict would wait for it."""
    from nightwatt.stages import Platform

    feed, _, own = task_id.rpartition(".")
    stage, subject = STAGE_OF.get(own), feed or None
    for prefix, of in DELIVERY_STAGES.items():
        if own.startswith(prefix):
            stage, subject = of, own.removeprefix(prefix)
    if stage is not None:
        with Platform.open(started_by=name) as platform:
            platform.ledger.give_up(stage, subject, name)


def report_run_failure(context: Mapping[str, Any], subjects: Sequence[str]) -> None:
    """Look, and say what a failed run means for what it owes."""
    if "dag_run" not in context:  # Airflow knows the run only by its name (no task of it ever ran)
        logger.error("run failed", run=str(context.get("run_id")), reason=str(context.get("reason")))
        look((), None, str(context.get("run_id")))
        return
    day = business_date_in(context)
    for judged in look(subjects, day, started_by(context)):
        _say("run failed", judged, day, run=started_by(context), failure=str(context.get("reason")))


async def report_missed_deadline(subject: str, context: Mapping[str, Any]) -> str:
    """Look when a deadline passed while the run was not done; called by Airflow's triggerer.

    Airflow calls this for every run that has not succeeded. Whether the night is really late is the
    ledger's word: what a person published by hand meanwhile is on time.
    """
    run = context["dag_run"]
    name = f"{run['dag_id']}/{run['dag_run_id']}"
    day = business_date_of(datetime.fromisoformat(run["run_after"]), run.get("conf"), Settings().tz)
    [judged] = await asyncio.to_thread(look, (subject,), day, name)
    _say("deadline reached", judged, day, run=name)
    return f"{judged.due.title}: {judged.verdict.state}: {judged.verdict.reason}"


def look(subjects: Sequence[str], day: date | None, reported_by: str) -> list[NightVerdict]:
    """Look once, telling people what is news, and return the verdicts on some domains or deliveries of a night."""
    from nightwatt.stages import Platform, watch

    with Platform.open(started_by=reported_by) as platform:
        watch(platform)
        if day is None:
            return []
        return [verdict_on(platform.ledger, platform.catalog, s, day, platform.settings.tz) for s in subjects]


def _say(event: str, judged: NightVerdict, day: date, **more: str) -> None:
    tell = logger.error if judged.verdict.is_bad else logger.info
    tell(
        event,
        subject=judged.due.subject,
        business_date=str(day),
        state=str(judged.verdict.state),
        reason=judged.verdict.reason,
        **more,
    )
