"""Days, deadlines and clock changes in the utility's time zone.

Belongs here: pure functions over dates and zones; a clock is always passed in. Does not belong here:
which feed is due when (contracts) and whether it came (alerting reads the ledger).
"""

from __future__ import annotations

import time as time_module
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the present instant; the default clock everywhere one is passed in."""
    return datetime.now(UTC)


def clock_from(start: datetime) -> Clock:
    """Return a clock that shows `start` now and runs on at the real speed, for replays and demonstrations."""
    if start.tzinfo is None:
        raise ValueError("the clock's start needs a time zone")
    begun = time_module.monotonic()
    return lambda: start.astimezone(UTC) + timedelta(seconds=time_module.monotonic() - begun)


def business_date(instant: datetime, zone: ZoneInfo) -> date:
    """Return the business date an instant belongs to: its local date.

    The night's files arrive in the early morning of the business date and its deadlines lie on that
    same morning; the reads they carry are of the local day before.

    Raises:
        ValueError: if the instant carries no time zone.
    """
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone; a naive datetime has no business date")
    return instant.astimezone(zone).date()


def wall_instant(day: date, wall: time, zone: ZoneInfo) -> datetime:
    """Return the UTC instant of a wall-clock time on a local day.

    In the repeated hour this is the first pass; in the skipped hour the instant the clocks jump to
    (a deadline at a wall time that does not exist falls due when that time would have been passed).
    """
    local = datetime.combine(day, wall, tzinfo=zone)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        return _change_before(instant, day, zone)
    return instant


def _change_before(instant: datetime, day: date, zone: ZoneInfo) -> datetime:
    # The day before too: where clocks jump at midnight, the change is the end of that day.
    return max((c for c in clock_changes(day - timedelta(days=1), day, zone) if c <= instant), default=instant)


def clock_changes(first: date, last: date, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield the UTC instants, within the local days given, at which the zone's offset changes."""
    for day in days(first, last):
        start, end = day_bounds(day, zone)
        before, after = start.astimezone(zone).utcoffset(), end.astimezone(zone).utcoffset()
        if before == after:
            continue
        low, high = start, end
        while high - low > timedelta(seconds=1):
            middle = (low + (high - low) / 2).replace(microsecond=0)
            if middle.astimezone(zone).utcoffset() == before:
                low = middle
            else:
                high = middle
        yield high


def days(first: date, last: date) -> Iterator[date]:
    """Yield every date from first to last, both included."""
    for n in range((last - first).days + 1):
        yield first + timedelta(days=n)


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the UTC instants at which a local day starts and ends (23, 24 or 25 hours apart)."""
    start = datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone).astimezone(UTC)
    return start, end


def day_minutes(day: date, zone: ZoneInfo) -> int:
    """Return how many minutes a local day has: 1380, 1440 or 1500 where clocks change by an hour."""
    start, end = day_bounds(day, zone)
    return int((end - start).total_seconds() // 60)


@dataclass(frozen=True)
class LocalDay:
    """A local day as a converter from wall time needs it.

    Offsets are seconds east of UTC. `change_from` and `change_to` are the wall times at which the
    clock leaves the old and enters the new offset (None on ordinary days): 02:00 and 03:00 in spring,
    02:00 and 01:00 in autumn, in the United States.
    """

    day: date
    start_utc: datetime
    end_utc: datetime
    offset_before: int
    offset_after: int
    change_from: datetime | None
    change_to: datetime | None


def local_days(first: date, last: date, zone: ZoneInfo) -> Iterator[LocalDay]:
    """Yield each local day from first to last with its offsets and its clock change, if any."""
    for day in days(first, last):
        start, end = day_bounds(day, zone)
        before = _offset(start, zone)
        after = _offset(end, zone)
        change_from = change_to = None
        if before != after:
            change = next(clock_changes(day, day, zone)).replace(tzinfo=None)
            change_from = change + timedelta(seconds=before)
            change_to = change + timedelta(seconds=after)
        yield LocalDay(day, start, end, before, after, change_from, change_to)


def _offset(instant: datetime, zone: ZoneInfo) -> int:
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None  # noqa: S101  (a ZoneInfo always has one)
    return int(offset.total_seconds())
