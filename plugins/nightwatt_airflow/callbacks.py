"""What happens when a task or a run fails, or a deadline passes.

Belongs here: turning Airflow's callback contexts into a verdict, a log line and a ledger row. Does not
belong here: the verdict (`nightwatt.alerting`) and the channels it goes out by.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from nightwatt import log
from nightwatt.alerting.record import record_verdict
from nightwatt.alerting.verdict import NightVerdict, verdict_on
from nightwatt.errors import NightWattError
from nightwatt.settings import Settings
from nightwatt_airflow.business_date import business_date_in, business_date_of
from nightwatt_airflow.run_of import started_by

logger = log.get("airflow")


def report_task_failure(context: Mapping[str, Any]) -> None:
    """Log which task failed, why, and what to do, the moment it does."""
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


def report_run_failure(context: Mapping[str, Any], subjects: Sequence[str]) -> None:
    """Say what a failed run means for what it owes."""
    if "dag_run" not in context:  # Airflow knows the run only by its name (no task of it ever ran)
        logger.error("run failed", run=str(context.get("run_id")), reason=str(context.get("reason")))
        return
    day = business_date_in(context)
    for subject in subjects:
        judged, is_news = judge(subject, day, started_by(context))
        _say("run failed", judged, day, is_news, run=started_by(context), failure=str(context.get("reason")))


async def report_missed_deadline(subject: str, context: Mapping[str, Any]) -> str:
    """Say that a deadline passed while the run was not done; called by Airflow's triggerer.

    Airflow calls this for every run that has not succeeded. Whether the night is really late is the
    ledger's word: what a person published by hand meanwhile is on time.
    """
    run = context["dag_run"]
    name = f"{run['dag_id']}/{run['dag_run_id']}"
    day = business_date_of(datetime.fromisoformat(run["run_after"]), run.get("conf"), Settings().tz)
    judged, is_news = await asyncio.to_thread(judge, subject, day, name)
    _say("deadline reached", judged, day, is_news, run=name)
    return f"{judged.due.title}: {judged.verdict.state}: {judged.verdict.reason}"


def judge(subject: str, day: date, reported_by: str) -> tuple[NightVerdict, bool]:
    """Return the verdict on a domain or delivery, and whether it is news; a bad one goes into the ledger."""
    from nightwatt.stages import Platform

    with Platform.open(started_by=reported_by) as platform:
        judged = verdict_on(platform.ledger, platform.catalog, subject, day, platform.settings.tz)
        return judged, record_verdict(platform.ledger, judged, day, reported_by)


def _say(event: str, judged: NightVerdict, day: date, is_news: bool, **more: str) -> None:
    tell = logger.error if judged.verdict.is_bad else logger.info
    tell(
        event,
        subject=judged.due.subject,
        business_date=str(day),
        state=str(judged.verdict.state),
        reason=judged.verdict.reason,
        is_news=is_news,
        **more,
    )
