"""The plan of a night: what is due by which instant."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.contracts import OFFSET_READS

from nightwatt.alerting.plan import PlannedRound, night_plan
from nightwatt.contracts.catalog import Catalog, load_catalog
from nightwatt.contracts.delivery import Destination, OpowerIntervalDelivery
from nightwatt.contracts.feed import Feed
from nightwatt.contracts.holidays import Holidays
from nightwatt.contracts.watch import Watch

NEW_YORK = ZoneInfo("America/New_York")
PACKAGED = load_catalog()
MONDAY = date(2026, 3, 9)
FORWARD, BACK = date(2026, 3, 8), date(2026, 11, 1)


def reads(**more: Any) -> Feed:
    """A feed that comes three times a night, changed as asked."""
    return Feed.model_validate(yaml.safe_load(OFFSET_READS) | {"feed": "sample"} | more)


def catalog(*feeds: Feed, watch: Watch | None = None, holidays: Holidays | None = None) -> Catalog:
    """A catalog of feeds and one delivery."""
    delivery = OpowerIntervalDelivery(
        delivery="opower_reads", kind="opower_interval", title="Reads", partner="opower", owner="data desk",
        profile="opower/interval", utility_code="nwu", commodity="electricity", length_min=15,
        destination=Destination(connection="opower"), deadline=time(8), watch=watch or Watch(),
    )  # fmt: skip
    return Catalog(
        Path("nowhere"), {f.feed: f for f in feeds}, {"opower_reads": delivery}, holidays=holidays or Holidays()
    )


def utc(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(("day", "offset"), [(MONDAY, 4), (FORWARD, 4), (BACK, 5), (date(2026, 1, 15), 5)])
def test_the_packaged_night_keeps_its_wall_clock_times(day: date, offset: int) -> None:
    plan = night_plan(PACKAGED, day, NEW_YORK)

    accounts = plan.feed("ccb_acct")
    assert accounts is not None
    assert (accounts.is_expected, accounts.files, accounts.domain, accounts.system) == (True, 1, "billing", "ccb")
    assert (accounts.late_at, accounts.deadline) == (utc(day, 4 + offset), utc(day, 6 + offset))
    owed = [(o.kind, o.subject, o.deadline) for o in plan.owed if o.kind != "report"]
    assert owed == [
        ("publication", "billing", utc(day, 6 + offset)),
        ("delivery", "crm_core", utc(day, 7 + offset)),
        ("publication", "usage", utc(day, 7 + offset)),
        ("delivery", "crm_usage", utc(day, 8 + offset)),
        ("delivery", "opower_billing", utc(day, 8 + offset)),
        ("delivery", "opower_interval_electric", utc(day, 8 + offset)),
        ("delivery", "opower_interval_gas", utc(day, 8 + offset)),
    ]


def test_times_around_the_change_of_clocks() -> None:
    feed = reads(deadlines={"expected_by": "01:30", "late_at": "02:30", "deadline": "03:00"})
    forward, back = (night_plan(catalog(feed), day, NEW_YORK).feed("sample") for day in (FORWARD, BACK))
    assert forward is not None and back is not None

    # 02:30 does not exist: due when the clocks jump from 02:00 EST to 03:00 EDT.
    assert (forward.expected_by, forward.late_at, forward.deadline) == (
        utc(FORWARD, 6, 30), utc(FORWARD, 7), utc(FORWARD, 7),
    )  # fmt: skip
    # 01:30 comes twice: the first pass is EDT; 02:30 and 03:00 are EST.
    assert (back.expected_by, back.late_at, back.deadline) == (utc(BACK, 5, 30), utc(BACK, 7, 30), utc(BACK, 8))


def test_a_feed_in_rounds_has_an_instant_for_each() -> None:
    rounds = [{"by": "01:00", "files": 1}, {"by": "03:00", "files": 4}]
    arrival = yaml.safe_load(OFFSET_READS)["arrival"] | {"min_files": 4}
    found = night_plan(catalog(reads(arrival=arrival, schedule={"rounds": rounds})), MONDAY, NEW_YORK).feed("sample")
    assert found is not None
    assert (found.files, found.rounds) == (4, (PlannedRound(1, utc(MONDAY, 5)), PlannedRound(4, utc(MONDAY, 7))))


def test_a_feed_that_owes_nothing_tonight_is_in_the_plan_with_the_reason() -> None:
    plan = night_plan(catalog(reads(schedule={"days": ["tue"]})), MONDAY, NEW_YORK)
    found = plan.feed("sample")
    assert found is not None
    assert (found.is_expected, found.files, found.why) == (
        False, 0, "no files on Monday 2026-03-09: they come on tue",
    )  # fmt: skip
    assert plan.expected() == ()
    assert plan.feed("other") is None


def test_a_feed_in_near_real_time_says_how_long_silence_may_last() -> None:
    plan = night_plan(catalog(reads(schedule={"every_min": 5, "alert_after_min": 30})), MONDAY, NEW_YORK)
    (found,) = plan.expected("usage")
    assert (found.every, found.alert_after) == (timedelta(minutes=5), timedelta(minutes=30))
    assert plan.expected("billing") == ()


@pytest.mark.parametrize(
    ("watch", "day", "owed"),
    [
        (Watch(), MONDAY, {("delivery", None, utc(MONDAY, 12)), ("report", None, utc(MONDAY, 12))}),
        (Watch(report_weeks="none"), MONDAY, {("delivery", None, utc(MONDAY, 12))}),
        (Watch(report_weeks=(MONDAY,), start_of_business=time(9)), MONDAY,
         {("delivery", None, utc(MONDAY, 12)), ("report", None, utc(MONDAY, 13))}),
        (Watch(report_weeks=(date(2026, 3, 16),)), MONDAY, {("delivery", None, utc(MONDAY, 12))}),
        (Watch(), date(2026, 3, 10), {("delivery", None, utc(date(2026, 3, 10), 12))}),
        (Watch(days=("tue",)), MONDAY, {("report", None, utc(MONDAY, 12))}),
        (Watch(by=time(7), report_weeks="none"), MONDAY, {("delivery", utc(MONDAY, 11), utc(MONDAY, 12))}),
        (Watch(by=time(9), report_weeks="none"), MONDAY, {("delivery", None, utc(MONDAY, 13))}),
    ],
)  # fmt: skip
def test_a_delivery_is_owed_on_its_days_and_before_the_partners_reports(
    watch: Watch, day: date, owed: set[tuple[str, datetime | None, datetime]]
) -> None:
    plan = night_plan(catalog(watch=watch), day, NEW_YORK)
    found = {(o.kind, o.late_at, o.deadline) for o in plan.owed if o.kind != "publication"}
    assert found == owed
    assert all(o.start_at < o.deadline for o in plan.owed)


def test_a_holiday_has_its_name_in_the_plan() -> None:
    assert night_plan(PACKAGED, date(2026, 5, 25), NEW_YORK).holiday == "Memorial Day"
    assert night_plan(PACKAGED, MONDAY, NEW_YORK).holiday is None


WALLS = st.times(max_value=time(23, 59)).map(lambda t: t.replace(microsecond=0))
DAYS = st.one_of(
    st.dates(date(2024, 1, 1), date(2036, 12, 31)),
    st.sampled_from([FORWARD, BACK, date(2028, 2, 29), date(2027, 12, 31), date(2026, 5, 25), date(2026, 5, 26)]),
)
ZONES = st.sampled_from(["America/New_York", "America/Santiago", "Europe/London", "Australia/Lord_Howe", "UTC"])


@given(day=DAYS, walls=st.lists(WALLS, min_size=3, max_size=3), zone=ZONES.map(ZoneInfo))
def test_times_of_a_night_never_run_backwards_and_are_the_wall_clocks_where_it_shows_them(
    day: date, walls: list[time], zone: ZoneInfo
) -> None:
    first, second, third = sorted(walls)
    times = {"expected_by": f"{first}", "late_at": f"{second}", "deadline": f"{third}"}
    found = night_plan(catalog(reads(deadlines=times)), day, zone).feed("sample")
    assert found is not None
    assert found.expected_by <= found.late_at <= found.deadline
    for instant, wall in zip((found.expected_by, found.late_at, found.deadline), (first, second, third), strict=True):
        shown = instant.astimezone(zone)
        exists = any(
            datetime.combine(
                day,
                wall,
                tzinfo=zone,
            )
            .replace(fold=fold)
            .astimezone(UTC)
            .astimezone(zone)
            .time()
            == wall
            for fold in (0, 1)
        )
        assert shown.replace(tzinfo=None) >= datetime.combine(day, wall)
        assert not exists or shown.time() == wall


RULES = st.lists(
    st.one_of(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun", "last"]), st.integers(1, 31)),
    min_size=1, max_size=4, unique=True,
)  # fmt: skip


@settings(max_examples=25)
@given(days=RULES, year=st.integers(2024, 2036))
def test_moving_on_from_holidays_loses_no_delivery_and_leaves_holidays_alone(days: list[str | int], year: int) -> None:
    """Over a year, by counting: a day of the schedule is kept, or stands for the first day after it that is free."""
    holidays = PACKAGED.holidays
    plain, moved, resting = (
        reads(schedule={"days": days, "holidays": how}).schedule for how in ("expected", "next_day", "none")
    )
    every = [date(year, 1, 1) + timedelta(days=n) for n in range(360)]
    wanted = set()
    for day in every:
        if plain.word_on(day, Holidays()).is_expected:
            free = day
            while holidays.name_of(free):
                free += timedelta(days=1)
            wanted.add(free)
    # What stood before the new year may come on its first free day.
    before = {date(year, 1, n) for n in (1, 2, 3, 4)} - wanted

    found = {day for day in every if moved.word_on(day, holidays).is_expected}
    assert found - before == {d for d in wanted if d <= every[-1]} - before
    assert {d for d in every if resting.word_on(d, holidays).is_expected} == {
        d for d in every if plain.word_on(d, holidays).is_expected and not holidays.name_of(d)
    }


@given(day=DAYS)
def test_the_last_day_of_every_month_is_one_day(day: date) -> None:
    last = reads(schedule={"days": ["last"]}).schedule
    first = day.replace(day=1)
    month = [first + timedelta(days=n) for n in range(31) if (first + timedelta(days=n)).month == day.month]
    assert [d for d in month if last.word_on(d, Holidays()).is_expected] == [month[-1]]
