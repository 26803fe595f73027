"""The holidays of the utility: `holidays.yaml` of a catalog, rules that give a date in every year.

Belongs here: the grammar of that file and the dates its rules give. Does not belong here: what a holiday means for a
feed (`schedule.py`).
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

SATURDAY, SUNDAY = 5, 6
DAY = timedelta(days=1)


class Holiday(BaseModel):
    """One holiday: a single date, a day of a month, or a weekday of a month."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    on_date: date | None = Field(None, description="a single date, such as a day of mourning")
    month: int | None = Field(None, ge=1, le=12, description="month, with `day`, or with `weekday` and `nth`")
    day: int | None = Field(None, ge=1, le=31, description="day of the month")
    weekday: Weekday | None = Field(None, description="weekday of the month")
    nth: int | None = Field(None, description="which of those weekdays: 1 to 4 from the front, -1 for the last")
    plus_days: int = Field(0, ge=0, le=6, description="so many days later, such as the day after Thanksgiving")
    observed: bool = Field(False, description="on Friday instead of a Saturday, on Monday instead of a Sunday")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = {k for k in ("on_date", "month", "day", "weekday", "nth") if getattr(self, k) is not None}
        if given not in ({"on_date"}, {"month", "day"}, {"month", "weekday", "nth"}):
            raise ValueError("give either on_date, or month and day, or month, weekday and nth")
        if self.nth is not None and self.nth not in {1, 2, 3, 4, -1}:
            raise ValueError("nth is 1 to 4, or -1 for the last; not every month has a fifth")
        if self.month and self.day and self.day > monthrange(2024, self.month)[1]:
            raise ValueError(f"month {self.month} has no day {self.day}")
        return self

    def in_year(self, year: int) -> Iterator[date]:
        """Yield the date the rule gives for a year, if it gives one; observance may move it into the next or last."""
        plain = self._plain(year)
        if plain is None:
            return
        moved = plain + self.plus_days * DAY
        if self.observed:
            moved += {SATURDAY: -DAY, SUNDAY: DAY}.get(moved.weekday(), 0 * DAY)
        yield moved

    def _plain(self, year: int) -> date | None:
        if self.on_date:
            return self.on_date if self.on_date.year == year else None
        assert self.month is not None  # noqa: S101  (the validator saw to it)
        length = monthrange(year, self.month)[1]
        if self.day:
            return date(year, self.month, self.day) if self.day <= length else None  # 29 February
        assert self.weekday is not None and self.nth is not None  # noqa: S101
        wanted = WEEKDAYS.index(self.weekday)
        if self.nth > 0:
            first = date(year, self.month, 1)
            return first + ((wanted - first.weekday()) % 7 + 7 * (self.nth - 1)) * DAY
        last = date(year, self.month, length)
        return last - (last.weekday() - wanted) % 7 * DAY


class Holidays(BaseModel):
    """Every holiday of the utility."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    holidays: tuple[Holiday, ...] = ()

    def name_of(self, day: date) -> str | None:
        """Return the name of the holiday a day is; None if it is none."""
        return _of_year(self, day.year).get(day)

    def of_year(self, year: int) -> Mapping[date, str]:
        """Return the holidays that fall into a year, in order."""
        return _of_year(self, year)


@lru_cache(maxsize=64)
def _of_year(holidays: Holidays, year: int) -> Mapping[date, str]:
    found = {
        day: rule.name
        for rule in reversed(holidays.holidays)  # of two on one day, the one named first counts
        for nominal in (year - 1, year, year + 1)
        for day in rule.in_year(nominal)
        if day.year == year
    }
    return dict(sorted(found.items()))
