"""What every task and every DAG of the house sets.

Belongs here: retries, timeouts, callbacks, the writer pool. Does not belong here: anything one DAG does differently.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from functools import partial
from typing import Any

from airflow.sdk import CronTriggerTimetable
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert

from nightwatt.settings import Settings
from nightwatt_airflow.business_date import business_date_params
from nightwatt_airflow.callbacks import report_missed_deadline, report_run_failure, report_task_failure
from nightwatt_airflow.retry import RETRIES, RETRY_DELAY, RETRY_POLICY
from nightwatt_airflow.wall_clock import LocalWallClock

WRITER_POOL = "warehouse_writer"
"""One slot: one process writes the store, the warehouse or the publication at a time."""

WRITER_POOL_DESCRIPTION = "one writer of the reads store, the warehouse and the publication at a time"


def task_defaults(owner: str) -> dict[str, Any]:
    """Return the `default_args` of a DAG."""
    return {
        "owner": owner,
        "retries": RETRIES,
        "retry_delay": RETRY_DELAY,
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=15),
        "retry_policy": RETRY_POLICY,
        "execution_timeout": timedelta(hours=1),
        "on_failure_callback": report_task_failure,
    }


def dag_defaults(owes: Mapping[str, time]) -> dict[str, Any]:
    """Return the DAG arguments that are the same everywhere.

    Args:
        owes: the domains or deliveries whose verdict a failed or late run reports, with their wall-clock
            deadlines on the business date.
    """
    settings = Settings()
    return {
        "start_date": datetime(2026, 1, 1, tzinfo=settings.tz),
        "catchup": False,
        "max_active_runs": 1,
        "dagrun_timeout": timedelta(hours=23),  # a released feed may keep its night waiting until late in the day
        "params": business_date_params(),
        "on_failure_callback": partial(report_run_failure, subjects=tuple(owes)),
        "deadline": [_deadline(subject, due_at, settings.zone) for subject, due_at in owes.items()],
    }


def _deadline(subject: str, due_at: time, zone: str) -> DeadlineAlert:
    return DeadlineAlert(
        reference=LocalWallClock(at=f"{due_at:%H:%M}", tz=zone),
        interval=timedelta(0),
        callback=AsyncCallback(report_missed_deadline, kwargs={"subject": subject}),
        name=f"{subject} by {due_at:%H:%M}",
    )


def nightly(cron: str) -> CronTriggerTimetable:
    """Return a timetable on the utility's wall clock, right on clock-change days."""
    return CronTriggerTimetable(cron, timezone=Settings().zone)
