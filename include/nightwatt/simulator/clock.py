"""Local days as the utility lives them, clock changes included.

Here: day numbers, the intervals of one local day, local midnights as UTC seconds.
Not here: business calendars and deadlines; those belong to the platform, the simulator only needs wall clocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from nightwatt.simulator.chance import I64, Bytes2D

FIRST_YEAR, LAST_YEAR = 1985, 2055
_UNIX_EPOCH = date(1970, 1, 1).toordinal()
FIRST_DAY = date(FIRST_YEAR, 1, 1).toordinal() - _UNIX_EPOCH
NEVER = np.int64(1 << 40)  # a day that does not come: an open end


def day_number(day: date) -> int:
    """Return the days since 1970-01-01."""
    return day.toordinal() - _UNIX_EPOCH


def date_of(day: int) -> date:
    """Return the calendar date of a day number."""
    return date.fromordinal(int(day) + _UNIX_EPOCH)


def month_starts(months: I64) -> I64:
    """Return the day number on which each month (counted from 1970-01) begins."""
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def months_of(days: I64) -> I64:
    """Return the month (counted from 1970-01) each day number lies in."""
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


@lru_cache(maxsize=8)
def midnights(zone: str) -> I64:
    """Return the UTC second at which each local day begins, indexed by day number - FIRST_DAY."""
    tz = ZoneInfo(zone)
    last = date(LAST_YEAR, 1, 1).toordinal() - _UNIX_EPOCH
    starts = [datetime(d.year, d.month, d.day, tzinfo=tz).timestamp() for d in map(date_of, range(FIRST_DAY, last))]
    return np.array(starts, dtype=np.int64)


def midnight(zone: str, days: I64 | int) -> I64:
    """Return the UTC second at which the given local days begin."""
    return midnights(zone)[np.asarray(days, dtype=np.int64) - FIRST_DAY]


@dataclass(frozen=True, eq=False)
class LocalDay:
    """The intervals of one local day, in order of time."""

    starts: I64  # UTC second of each start
    wall: NDArray[np.int64]  # wall-clock slot of each start, counted from 00:00 in steps of the interval
    solar_hour: NDArray[np.float64]  # standard-time hour of each middle, for the sun
    end_text: Bytes2D  # "YYYY-MM-DD HH:MM:SS,-05:00": local time and offset at each end

    @property
    def count(self) -> int:
        return len(self.starts)


@lru_cache(maxsize=1024)
def local_day(zone: str, day: int, minutes: int) -> LocalDay:
    """Lay out the intervals of one local day: 92, 96 or 100 of 15 minutes, 23, 24 or 25 hours."""
    tz = ZoneInfo(zone)
    first, last = int(midnight(zone, day)), int(midnight(zone, day + 1))
    starts = np.arange(first, last, minutes * 60, dtype=np.int64)
    begins = [datetime.fromtimestamp(int(s), tz) for s in starts]
    wall = np.array([(b.hour * 60 + b.minute) // minutes for b in begins], dtype=np.int64)
    ends = [datetime.fromtimestamp(int(s) + minutes * 60, tz) for s in starts]
    text = b"".join(f"{e:%Y-%m-%d %H:%M:%S},{_offset(e)}".encode() for e in ends)
    end_text = np.frombuffer(text, dtype=np.uint8).reshape(len(starts), -1)
    standard = datetime(date_of(day).year, 1, 15, tzinfo=tz).utcoffset() or timedelta()
    seconds = (starts + minutes * 30 + int(standard.total_seconds())) % 86400
    return LocalDay(starts, wall, seconds / 3600.0, end_text)


def _offset(moment: datetime) -> str:
    text = f"{moment:%z}"
    return f"{text[:3]}:{text[3:5]}"


def utc_text(seconds: I64, pattern: str = "YYYY-MM-DD HH:MM:SS") -> Bytes2D:
    """Return UTC seconds as ASCII rows; the pattern's tenth character separates date and time, a final Z is kept."""
    text = np.datetime_as_string(seconds.astype("datetime64[s]")).astype("S19")
    rows = np.ascontiguousarray(text).view(np.uint8).reshape(len(seconds), 19).copy()
    rows[:, 10] = ord(pattern[10])
    if pattern.endswith("Z"):
        rows = np.concatenate([rows, np.full((len(rows), 1), ord("Z"), np.uint8)], axis=1)
    return rows


def utc_datetime(second: int) -> datetime:
    """Return the aware UTC moment of a UTC second."""
    return datetime.fromtimestamp(second, UTC)
