"""On which business dates a feed's files come, and in how many rounds of a night.

Belongs here: the keys below `schedule`, and the one answer to "is a file due on this date". Does not belong here: the
instants of a night (`alerting.plan`) and whether the files came (`arrival`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from nightwatt.contracts.holidays import WEEKDAYS, Holidays

DAY = timedelta(days=1)
LAST = "last"


def _written_out(wall: object) -> object:
    # YAML reads an unquoted 6:00 as 360 (sixty to the one), which would pass for six minutes past midnight.
    if not isinstance(wall, str | time):
        raise ValueError('write a wall-clock time in quotes, such as "06:00"')
    return wall


def _without_zone(wall: time) -> time:
    if wall.tzinfo:
        raise ValueError("a wall-clock time has no zone; it counts in the utility's")
    return wall


WallTime = Annotated[time, BeforeValidator(_written_out), AfterValidator(_without_zone)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Round(_Strict):
    """One of several times a night at which a feed sends."""

    by: WallTime = Field(description="wall-clock time by which the files of this round are there")
    files: int = Field(ge=1, description="files that have come by then, those of earlier rounds counted in")


@dataclass(frozen=True)
class DayWord:
    """Whether files are due on a business date, and the rule that says so."""

    is_expected: bool
    why: str


class Schedule(_Strict):
    """On which dates files come, and how often within one."""

    days: tuple[str | int, ...] = Field(
        WEEKDAYS,
        min_length=1,
        description="days on whose business date files come: weekdays (`mon`), days of the month (`15`), and `last`, "
        "the month's last day; any one of them is enough",
    )
    holidays: Literal["expected", "none", "next_day"] = Field(
        "expected",
        description="on a holiday of the utility files come as on other days, do not come, or come on the next day "
        "that is no holiday",
    )
    rounds: tuple[Round, ...] = Field((), description="a feed that sends several times a night: by when how much")
    every_min: int | None = Field(
        None, ge=1, le=720, description="near real time: files come all day, so many minutes apart, and are taken in so"
    )
    alert_after_min: int | None = Field(
        None, ge=1, description="near real time: minutes without anything new after which somebody is told"
    )

    @field_validator("days")
    @classmethod
    def _known_days(cls, given: tuple[str | int, ...]) -> tuple[str | int, ...]:
        """Refuse what names no day."""
        wrong = [d for d in given if d not in (*WEEKDAYS, LAST) and not (isinstance(d, int) and 1 <= d <= 31)]
        if wrong:
            raise ValueError(f"{wrong} are no days; name weekdays ({', '.join(WEEKDAYS)}), 1 to 31, or `{LAST}`")
        return given

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        for earlier, later in pairwise(self.rounds):
            if later.by <= earlier.by or later.files <= earlier.files:
                raise ValueError("each round must be later than the one before it and count more files")
        if (self.every_min is None) != (self.alert_after_min is None):
            raise ValueError("every_min and alert_after_min belong together; give both or neither")
        if self.every_min and self.alert_after_min and self.alert_after_min < self.every_min:
            raise ValueError("alert_after_min is less than every_min, so every quiet interval would be told of")
        if self.every_min and self.rounds:
            raise ValueError("a feed comes in rounds or every few minutes, not both")
        return self

    def word_on(self, day: date, holidays: Holidays) -> DayWord:
        """Say whether files are due on a business date."""
        named = self._named(day)
        if self.holidays == "expected":
            return self._plain(day, named)
        if name := holidays.name_of(day):
            follows = ", they come on the next day that is none" if self.holidays == "next_day" and named else ""
            return DayWord(False, f"{name} is a holiday: no files{follows}")
        moved = next(self._moved_here(day, holidays), None) if self.holidays == "next_day" else None
        if moved and not named:
            return DayWord(True, f"{moved:%A} {moved} was a holiday ({holidays.name_of(moved)}): its files come today")
        return self._plain(day, named)

    def _plain(self, day: date, named: str) -> DayWord:
        if named:
            return DayWord(True, f"files come {named}")
        return DayWord(False, f"no files on {day:%A} {day}: they come on {self.told()}")

    def _named(self, day: date) -> str:
        """Return in words the first rule that names a day; nothing if none does."""
        if set(WEEKDAYS) <= set(self.days):
            return "every day"
        if WEEKDAYS[day.weekday()] in self.days:
            return f"on {day:%A}s"
        if day.day in self.days:
            return f"on day {day.day} of the month"
        return "on the month's last day" if LAST in self.days and (day + DAY).day == 1 else ""

    def _moved_here(self, day: date, holidays: Holidays) -> Iterator[date]:
        """Yield the days of the schedule that were holidays right before a day, newest first."""
        before = day - DAY
        while holidays.name_of(before):
            if self._named(before):
                yield before
            before -= DAY

    def told(self) -> str:
        """Return the days in a few words."""
        if set(WEEKDAYS) <= set(self.days):
            return "every day"
        names = [d for d in WEEKDAYS if d in self.days]
        numbers = [f"day {d}" for d in sorted(d for d in self.days if isinstance(d, int))]
        return ", ".join([*names, *numbers, *(["the month's last day"] if LAST in self.days else [])])
