"""What a delivery contract says about missing and incomplete files.

Belongs here: the keys below `watch`. Does not belong here: judging by them (`checks.sendings`).
"""

from __future__ import annotations

from datetime import date, time
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from nightwatt.contracts.holidays import WEEKDAYS, Weekday
from nightwatt.contracts.schedule import WallTime

__all__ = ["WEEKDAYS", "Watch", "Weekday"]


class Watch(BaseModel):
    """When a sending counts as missing or incomplete."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    days: tuple[Weekday, ...] = Field(WEEKDAYS, description="weekdays on whose business date a file is owed")
    by: WallTime | None = Field(None, description="wall-clock time by which it must be sent; the deadline otherwise")
    report_weeks: Literal["every", "none"] | tuple[date, ...] = Field(
        "every", description="weeks in which the partner makes reports: every, none, or a list of their Mondays"
    )
    start_of_business: WallTime = Field(
        time(8), description="wall-clock time on the Monday of a report week by which files must be there"
    )
    min_rows_pct: float = Field(50, ge=0, le=100, description="share of the usual rows below which a night is low")
    min_meters_pct: float = Field(80, ge=0, le=100, description="share of the usual service points, likewise")
    weeks: int = Field(8, ge=3, description="how many of the same weekday before it the usual is the median of")
    max_shrink_pct: float = Field(
        5, ge=0, le=100, description="by how much a population may shrink from four weeks to the next"
    )

    @field_validator("report_weeks")
    @classmethod
    def _mondays(cls, given: str | tuple[date, ...]) -> str | tuple[date, ...]:
        """Refuse days that begin no week."""
        wrong = [d.isoformat() for d in given if isinstance(d, date) and d.weekday()]
        if wrong:
            raise ValueError(f"no Mondays: {', '.join(wrong)}")
        return given
