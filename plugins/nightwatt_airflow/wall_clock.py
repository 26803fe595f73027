"""Deadlines at a local wall-clock time on a run's business date.

Belongs here: the deadline reference Airflow evaluates when a run is created. Does not belong here: which
time that is (`nightwatt.alerting` and the contracts) and the arithmetic of clock changes (`nightwatt.calendar`).
"""

from __future__ import annotations

from datetime import datetime, time
from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import ZoneInfo

from airflow.sdk.definitions.deadline import BaseDeadlineReference

from nightwatt.calendar import utc_now, wall_instant
from nightwatt_airflow.business_date import business_date_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class LocalWallClock(BaseDeadlineReference):
    """A wall-clock time in the utility's zone on the business date of the run.

    Silent (no deadline) for backfills, and for runs that begin when that time has already passed: nobody
    needs to be told that a night of last month was not ready at six. A scheduled run begins when it was
    due, so one that the scheduler starts too late is told of at once.

    Args:
        at: wall-clock time, `HH:MM`.
        tz: IANA name of the zone.
    """

    required_kwargs: ClassVar[set[str]] = {"dag_id", "run_id"}

    def __init__(self, at: str = "06:00", tz: str = "America/New_York") -> None:
        self.at = at
        self.tz = tz

    def serialize_reference(self) -> dict[str, Any]:
        """Return what is needed to make it again."""
        return {"reference_type": self.reference_name, "at": self.at, "tz": self.tz}

    @classmethod
    def deserialize_reference(cls, reference_data: dict[str, Any]) -> LocalWallClock:
        """Make it again."""
        return cls(reference_data["at"], reference_data["tz"])

    def due(self, *, run_type: str, run_after: datetime, conf: dict[str, Any] | None, now: datetime) -> datetime | None:
        """Return the deadline of a run as an instant, or None where there is nothing to watch."""
        if run_type == "backfill":
            return None
        zone = ZoneInfo(self.tz)
        instant = wall_instant(business_date_of(run_after, conf, zone), time.fromisoformat(self.at), zone)
        begins = run_after if run_type == "scheduled" else now
        return instant if begins < instant else None

    def _evaluate_with(self, *, session: Session, dag_id: str, run_id: str) -> datetime | None:
        """Return the deadline of a stored run; called by Airflow's scheduler and API server."""
        from airflow.models import DagRun
        from sqlalchemy import select

        run = session.scalars(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)).one()
        conf = run.conf if isinstance(run.conf, dict) else None
        return self.due(run_type=str(run.run_type), run_after=run.run_after, conf=conf, now=utc_now())
