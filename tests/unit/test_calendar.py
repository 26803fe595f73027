"""Days, deadlines and clock changes: both directions, half hours, midnight, and wall times that do not exist."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightwatt.calendar import (
    business_date,
    clock_changes,
    clock_from,
    day_bounds,
    day_minutes,
    days,
    local_days,
    wall_instant,
)

NEW_YORK = ZoneInfo("America/New_York")
LONDON = ZoneInfo("Europe/London")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")  # half an hour
SAO_PAULO = ZoneInfo("America/Sao_Paulo")  # changed at midnight until 2019
KOLKATA = ZoneInfo("Asia/Kolkata")  # +05:30, no changes
SPRING, AUTUMN = date(2026, 3, 8), date(2026, 11, 1)

zones = st.sampled_from([NEW_YORK, LONDON, LORD_HOWE, KOLKATA, ZoneInfo("America/Phoenix"), ZoneInfo("UTC")])
some_days = st.dates(date(2000, 1, 1), date(2035, 12, 31))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("instant", "zone", "day"),
    [
        ("2026-03-09 03:59", NEW_YORK, date(2026, 3, 8)),  # 23:59 on the day the clocks went forward
        ("2026-03-09 04:00", NEW_YORK, date(2026, 3, 9)),
        ("2026-11-02 04:59", NEW_YORK, date(2026, 11, 1)),
        ("2026-11-02 05:00", NEW_YORK, date(2026, 11, 2)),
        ("2026-03-08 18:30", KOLKATA, date(2026, 3, 9)),
    ],
)
def test_the_business_date_is_the_local_date(instant: str, zone: ZoneInfo, day: date) -> None:
    assert business_date(utc(instant), zone) == day


def test_an_instant_without_zone_has_no_business_date() -> None:
    with pytest.raises(ValueError, match="naive"):
        business_date(datetime(2026, 3, 9), NEW_YORK)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("day", "wall", "zone", "instant"),
    [
        (date(2026, 3, 9), time(6), NEW_YORK, "2026-03-09 10:00"),
        (SPRING, time(6), NEW_YORK, "2026-03-08 10:00"),
        (AUTUMN, time(6), NEW_YORK, "2026-11-01 11:00"),
        (SPRING, time(1, 59), NEW_YORK, "2026-03-08 06:59"),
        (SPRING, time(2, 0), NEW_YORK, "2026-03-08 07:00"),  # skipped: when the clocks jump
        (SPRING, time(2, 30), NEW_YORK, "2026-03-08 07:00"),
        (SPRING, time(3, 0), NEW_YORK, "2026-03-08 07:00"),
        (AUTUMN, time(1, 30), NEW_YORK, "2026-11-01 05:30"),  # repeated: the first pass
        (AUTUMN, time(2, 0), NEW_YORK, "2026-11-01 07:00"),
        (date(2026, 10, 4), time(2, 15), LORD_HOWE, "2026-10-03 15:30"),  # half an hour skipped
        (date(2026, 4, 5), time(1, 45), LORD_HOWE, "2026-04-04 14:45"),  # half an hour repeated
        (date(2017, 10, 15), time(0, 30), SAO_PAULO, "2017-10-15 03:00"),  # skipped at midnight
        (date(2017, 2, 18), time(23, 30), SAO_PAULO, "2017-02-19 01:30"),  # repeated before midnight
    ],
)
def test_a_wall_time_falls_due_at_one_instant(day: date, wall: time, zone: ZoneInfo, instant: str) -> None:
    assert wall_instant(day, wall, zone) == utc(instant)


@given(day=some_days, minute=st.integers(0, 1439), zone=zones)
def test_a_wall_time_reads_back_unless_it_was_skipped(day: date, minute: int, zone: ZoneInfo) -> None:
    wall = time(minute // 60, minute % 60)
    start, end = day_bounds(day, zone)
    instant = wall_instant(day, wall, zone)
    assert start <= instant < end
    back = instant.astimezone(zone).replace(tzinfo=None)
    if back != datetime.combine(day, wall):
        assert instant in list(clock_changes(day, day, zone))
        assert back > datetime.combine(day, wall)


@given(day=some_days, first=st.integers(0, 1438), zone=zones)
def test_later_on_the_wall_is_not_earlier_in_time(day: date, first: int, zone: ZoneInfo) -> None:
    early, late = time(first // 60, first % 60), time((first + 1) // 60, (first + 1) % 60)
    assert wall_instant(day, early, zone) <= wall_instant(day, late, zone)


@pytest.mark.parametrize(
    ("day", "zone", "minutes"),
    [
        (SPRING, NEW_YORK, 1380),
        (AUTUMN, NEW_YORK, 1500),
        (date(2026, 3, 9), NEW_YORK, 1440),
        (date(2013, 3, 31), LONDON, 1380),
        (date(2013, 10, 27), LONDON, 1500),
        (date(2026, 10, 4), LORD_HOWE, 1410),
        (date(2026, 4, 5), LORD_HOWE, 1470),
        (date(2017, 10, 15), SAO_PAULO, 1380),
        (date(2017, 2, 18), SAO_PAULO, 1500),
        (SPRING, KOLKATA, 1440),
        (date(2024, 2, 29), NEW_YORK, 1440),
    ],
)
def test_a_local_day_has_its_minutes(day: date, zone: ZoneInfo, minutes: int) -> None:
    assert day_minutes(day, zone) == minutes


@given(day=some_days, zone=zones)
def test_days_follow_each_other_without_gap(day: date, zone: ZoneInfo) -> None:
    assert day_bounds(day, zone)[1] == day_bounds(day + timedelta(days=1), zone)[0]


@pytest.mark.parametrize(
    ("first", "last", "zone", "changes"),
    [
        (date(2026, 1, 1), date(2026, 12, 31), NEW_YORK, ["2026-03-08 07:00", "2026-11-01 06:00"]),
        (date(2026, 1, 1), date(2026, 12, 31), LORD_HOWE, ["2026-04-04 15:00", "2026-10-03 15:30"]),
        (date(2026, 1, 1), date(2026, 12, 31), KOLKATA, []),
        (date(2026, 3, 9), date(2026, 3, 8), NEW_YORK, []),
    ],
)
def test_clock_changes_are_found_to_the_second(first: date, last: date, zone: ZoneInfo, changes: list[str]) -> None:
    assert list(clock_changes(first, last, zone)) == [utc(c) for c in changes]


def test_local_days_say_where_the_clock_leaves_and_enters() -> None:
    spring, autumn = (next(local_days(d, d, NEW_YORK)) for d in (SPRING, AUTUMN))
    assert (spring.offset_before, spring.offset_after) == (-18_000, -14_400)
    assert (spring.change_from, spring.change_to) == (datetime(2026, 3, 8, 2), datetime(2026, 3, 8, 3))  # noqa: DTZ001
    assert (autumn.offset_before, autumn.offset_after) == (-14_400, -18_000)
    assert (autumn.change_from, autumn.change_to) == (datetime(2026, 11, 1, 2), datetime(2026, 11, 1, 1))  # noqa: DTZ001
    (half,) = local_days(date(2026, 10, 4), date(2026, 10, 4), LORD_HOWE)
    assert (half.change_from, half.change_to) == (datetime(2026, 10, 4, 2), datetime(2026, 10, 4, 2, 30))  # noqa: DTZ001
    plain = list(local_days(date(2026, 3, 9), date(2026, 3, 10), NEW_YORK))
    assert [(d.day.day, d.change_from, d.change_to) for d in plain] == [(9, None, None), (10, None, None)]


def test_days_include_both_ends() -> None:
    assert [d.day for d in days(date(2024, 2, 28), date(2024, 3, 1))] == [28, 29, 1]


def test_a_clock_can_start_anywhere_and_runs_on() -> None:
    start = utc("2026-03-09 08:30")
    clock = clock_from(start.astimezone(NEW_YORK))
    first, second = clock(), clock()
    assert start <= first <= second < start + timedelta(minutes=5)
    assert first.tzinfo is UTC
    with pytest.raises(ValueError, match="time zone"):
        clock_from(datetime(2026, 3, 9))  # noqa: DTZ001
