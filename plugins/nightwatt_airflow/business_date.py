"""The business date of a run, derived in one place for every DAG and deadline.

Belongs here: how a run's own instant and its `business_date` param become a date. Does not belong here:
what is due on that date (`nightwatt.alerting`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from airflow.sdk import Param

from nightwatt import calendar
from nightwatt.errors import TerminalError
from nightwatt.settings import Settings

PARAM = "business_date"


def business_date_params() -> dict[str, Param]:
    """Return the params every NightWatt DAG takes."""
    return {
        PARAM: Param(
            None,
            type=["null", "string"],
            format="date",
            title="Business date",
            description="the night to work on (YYYY-MM-DD); empty: the local date on which the run is due",
        )
    }


def business_date_of(run_after: datetime, conf: Mapping[str, Any] | None, zone: ZoneInfo) -> date:
    """Return the business date of a run: the one asked for, or the local date on which the run is due.

    `run_after` is the one instant every run has, however it was started: a scheduled run's own time, also
    when it starts hours late, and in a backfill the time at which it would have run.

    Raises:
        TerminalError: `run.business_date_invalid`.
    """
    asked = (conf or {}).get(PARAM)
    if not asked:
        return calendar.business_date(run_after, zone)
    try:
        return date.fromisoformat(asked)
    except (TypeError, ValueError) as e:
        raise TerminalError(
            "run.business_date_invalid",
            f"the run asks for the business date {asked!r}, which is not a date",
            "start it again with business_date as YYYY-MM-DD",
        ) from e


def business_date_in(context: Mapping[str, Any]) -> date:
    """Return the business date of the run a task or a callback belongs to."""
    run = context["dag_run"]
    return business_date_of(run.run_after, cast("Mapping[str, Any] | None", run.conf), Settings().tz)
