"""Forecasts, worked out by hand: small nights in which every number can be checked on paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.support.contracts import IDOCS

from nightwatt.alerting.forecast import Forecast, forecasts, usual
from nightwatt.alerting.plan import NightPlan, night_plan
from nightwatt.contracts.catalog import Catalog, load_catalog
from nightwatt.contracts.feed import Feed
from nightwatt.ledger.durations import History, Past, Progress, StepRun

NEW_YORK = ZoneInfo("America/New_York")
NIGHT = date(2026, 3, 9)
MONDAY = 0


def at(wall: str, day: date = NIGHT) -> datetime:
    """A wall-clock time of the night."""
    return datetime.combine(day, time.fromisoformat(wall), tzinfo=NEW_YORK).astimezone(UTC)


def minutes(length: float) -> timedelta:
    return timedelta(minutes=length)


def clock(wall: str) -> timedelta:
    hour, minute = wall.split(":")
    return timedelta(hours=int(hour), minutes=int(minute))


def past(*lengths: timedelta, every_days: int = 1, before: date = NIGHT) -> list[Past]:
    """Earlier nights, the last of them just before tonight; every seven days they are of the same weekday."""
    count = len(lengths)
    return [Past(before - timedelta(days=every_days * (count - n)), length) for n, length in enumerate(lengths)]


def feed(name: str, **changes: str) -> Feed:
    """A billing feed with a deadline at six."""
    return Feed.model_validate(yaml.safe_load(IDOCS) | {"feed": name} | changes)


def plan(*feeds: Feed, day: date = NIGHT) -> NightPlan:
    """A night with these billing feeds, and the packaged deliveries."""
    catalog = Catalog(Path("nowhere"), {f.feed: f for f in feeds}, load_catalog().deliveries)
    return night_plan(catalog, day, NEW_YORK)


TWO = plan(feed("bills"), feed("accounts"))
DURATIONS = {
    ("load", "bills"): past(minutes(10)),
    ("load", "accounts"): past(minutes(2)),
    ("build", "billing"): past(minutes(20)),
    ("publish", "billing"): past(minutes(5)),
    ("deliver", "crm_core"): past(minutes(15)),
}
HERE = {"bills": at("02:30"), "accounts": at("02:00")}


def billing(progress: Progress, now: datetime, history: History | None = None, of: NightPlan = TWO) -> Forecast:
    return forecasts(of, history or History(runs=DURATIONS), progress, now).owed["publication", "billing"]


LOADED = {
    ("load", "bills"): StepRun(at("02:31"), at("02:41")),
    ("load", "accounts"): StepRun(at("02:01"), at("02:03")),
}


# --- what is usual ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nights", "beyond", "expected"),
    [
        ([], None, None),
        (past(minutes(7)), None, (minutes(7), 1, "nights")),
        (past(minutes(1), minutes(9), minutes(2)), None, (minutes(2), 3, "nights")),
        # three Mondays say more than twenty other nights; two do not
        (past(minutes(8), minutes(9), minutes(7), every_days=7) + past(*[minutes(1)] * 6), None,
         (minutes(8), 3, "Mondays")),
        (past(minutes(8), minutes(9), every_days=7) + past(*[minutes(1)] * 6), None, (minutes(1), 8, "nights")),
        # of what has run for 20 minutes, only longer nights say something: the middle one while half of all are left,
        # the first third of them once tonight is unusual
        (past(minutes(5), minutes(25), minutes(30), minutes(40)), minutes(20), (minutes(30), 3, "nights")),
        (past(*[minutes(5)] * 6, minutes(30), minutes(40), minutes(50), minutes(60)), minutes(20),
         (minutes(40), 4, "nights")),
        (past(minutes(5), minutes(5), minutes(40)), minutes(20), None),
        (past(minutes(20), minutes(20)), minutes(20), None),
    ],
)  # fmt: skip
def test_what_is_usual(
    nights: list[Past], beyond: timedelta | None, expected: tuple[timedelta, int, str] | None
) -> None:
    found = usual(nights, MONDAY, beyond)
    assert (None if found is None else (found.length, found.nights, found.of)) == expected


# --- arrivals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrivals", "now", "expected"),
    [
        # 01:00: all three nights are still possible
        (["02:10", "02:30", "04:40"], "01:00", "02:30"),
        # 02:20: the first is not
        (["02:10", "02:30", "04:40"], "02:20", "02:30"),
        # 02:40: one night came later still, which is chance
        (["02:10", "02:30", "04:40"], "02:40", "02:40"),
        (["02:10", "02:30", "04:40", "05:00"], "02:40", "04:40"),
        # 02:30 is late on this feed: of the four nights left the first third, 04:00
        (["02:00", "02:00", "02:00", "02:00", "02:00", "03:00", "04:00", "05:00", "05:30"], "02:30", "04:00"),
        (["02:10", "02:30"], "05:00", "05:00"),
        ([], "01:00", "01:00"),
    ],
)
def test_a_feed_that_is_not_there_is_judged_by_nights_on_which_it_came_later_still(
    arrivals: list[str], now: str, expected: str
) -> None:
    history = History(arrivals={"bills": past(*map(clock, arrivals))})
    found = forecasts(plan(feed("bills")), history, Progress(), at(now)).feeds["bills"]
    assert (found.at, found.waits_for) == (at(expected), ("arrival:bills",))


def test_mondays_go_before_other_nights() -> None:
    mondays = past(*map(clock, ["05:00", "05:10", "05:20"]), every_days=7)
    others = past(*[clock("02:00")] * 6)
    found = forecasts(plan(feed("bills")), History(arrivals={"bills": mondays + others}), Progress(), at("01:00"))
    assert found.feeds["bills"].at == at("05:10")
    assert found.feeds["bills"].reason == "bills comes at about 05:10 (as on 3 Mondays before)"


def test_a_feed_on_the_evening_before_and_one_after_midnight() -> None:
    evening = past(-minutes(60), -minutes(50), -minutes(40))
    found = forecasts(
        plan(feed("bills")), History(arrivals={"bills": evening}), Progress(), at("20:00", date(2026, 3, 8))
    )
    assert found.feeds["bills"].at == at("23:10", date(2026, 3, 8))


@pytest.mark.parametrize(("day", "hours_after_midnight"), [(date(2026, 3, 8), 3.5), (date(2026, 11, 1), 5.5)])
def test_senders_go_by_the_wall_clock_on_the_days_it_changes(day: date, hours_after_midnight: float) -> None:
    history = History(arrivals={"bills": past(*[clock("04:30")] * 3, before=day)})
    now = at("00:10", day)
    found = forecasts(plan(feed("bills"), day=day), history, Progress(), now).feeds["bills"]
    assert found.at == at("00:00", day) + timedelta(hours=hours_after_midnight)


def test_what_is_there_or_let_go_or_not_due_has_no_forecast() -> None:
    resting = Feed.model_validate(yaml.safe_load(IDOCS) | {"feed": "monthly", "schedule": {"days": ["tue"]}})
    found = forecasts(
        plan(feed("bills"), feed("accounts"), feed("items"), resting),
        History(),
        Progress(arrived={"bills": at("02:00")}, let_go=frozenset({"accounts"})),
        at("03:00"),
    )
    assert set(found.feeds) == {"items"}


# --- publications -----------------------------------------------------------------------------------


def test_before_anything_has_come_the_slowest_feed_decides() -> None:
    """bills 03:00 + load 10, accounts 03:05 + load 2: bills decides; then build 20, publish 5: 03:35."""
    arrivals = {"bills": past(*[clock("03:00")] * 3), "accounts": past(*[clock("03:05")] * 3)}
    found = billing(Progress(), at("01:00"), History(arrivals, DURATIONS))
    assert found.at == at("03:35")
    assert found.waits_for == ("arrival:bills", "load:bills", "build:billing", "publish:billing")
    assert found.reason == (
        "bills comes at about 03:00 (as on 3 nights before), then load bills 10 min, then build billing 20 min, "
        "then publish billing 5 min"
    )


def test_a_missing_feed_puts_the_usual_work_behind_now() -> None:
    """At 05:30 bills may come any moment; 10 + 20 + 5 minutes are left: 06:05, past the deadline."""
    found = billing(Progress(arrived={"accounts": HERE["accounts"]}, runs=LOADED), at("05:30"))
    assert (found.at, found.waits_for[0]) == (at("06:05"), "arrival:bills")
    assert found.reason.startswith("bills has not come, then load bills 10 min")


def test_a_build_that_runs_is_judged_by_longer_builds() -> None:
    """Begun at 02:45, it has run 25 min at 03:10; of longer ones the middle took 190: 05:55, and publish 5: 06:00."""
    runs = DURATIONS | {("build", "billing"): past(*map(minutes, [20, 20, 20, 180, 190, 200]))}
    progress = Progress(HERE, runs=LOADED | {("build", "billing"): StepRun(at("02:45"), None)})
    found = billing(progress, at("03:10"), History(runs=runs))
    assert (found.at, found.waits_for) == (at("06:00"), ("build:billing", "publish:billing"))
    assert found.reason == (
        "build billing has run 25 min and takes 190 min (as on 3 nights before), then publish billing 5 min"
    )


def test_a_build_that_runs_longer_than_ever_takes_half_as_long_again() -> None:
    """70 minutes, and 35 more, then publishing: 04:30 + 5."""
    progress = Progress(HERE, runs=LOADED | {("build", "billing"): StepRun(at("02:45"), None)})
    found = billing(progress, at("03:55"))
    assert found.at == at("04:35")
    assert found.reason.startswith(
        "build billing has run 70 min, longer than on any of 1 nights before; about 35 min more, then publish"
    )


def test_a_run_that_began_before_what_it_needs_is_of_no_use() -> None:
    """bills was loaded again until 04:10: the build of 02:45 does not hold it. 04:10 + 20 + 5."""
    again = LOADED | {("load", "bills"): StepRun(at("04:00"), at("04:10"))}
    progress = Progress(HERE, runs=again | {("build", "billing"): StepRun(at("02:45"), at("03:05"))})
    assert billing(progress, at("04:10")).at == at("04:35")


def test_a_step_that_failed_is_to_be_done_still() -> None:
    """A failed run is not among the runs: the build begins anew, now."""
    assert billing(Progress(HERE, runs=LOADED), at("03:10")).at == at("03:35")


def test_what_somebody_let_go_is_not_waited_for() -> None:
    found = billing(Progress({"accounts": HERE["accounts"]}, frozenset({"bills"}), LOADED), at("03:00"))
    assert (found.at, found.waits_for) == (at("03:25"), ("build:billing", "publish:billing"))


def test_a_feed_that_its_contract_lets_go_holds_the_night_up_only_until_its_deadline() -> None:
    optional = plan(feed("bills", on_failure="skip"))
    late = History(arrivals={"bills": past(*[clock("09:00")] * 3)}, runs=DURATIONS)
    assert billing(Progress(), at("03:00"), late, optional).at == at("06:35")  # deadline 06:00 + 10 + 20 + 5
    released = Progress(released={"bills": at("07:30")})
    assert billing(released, at("06:10"), late, optional).at == at("08:05")  # a person lets it come until 07:30
    after = billing(Progress(), at("06:10"), late, optional)
    assert (after.at, after.waits_for) == (at("06:35"), ("build:billing", "publish:billing"))


def test_a_night_without_feeds_begins_at_its_chains_start() -> None:
    assert billing(Progress(), at("00:00"), of=plan()).at == at("00:55")  # 00:30 + 20 + 5


def test_without_history_everything_left_is_expected_now() -> None:
    found = billing(Progress(), at("03:00"), History())
    assert found.at == at("03:00")
    assert "build billing, of which nothing is known" in found.reason


def test_what_is_published_needs_no_forecast_and_the_delivery_follows_it() -> None:
    """Published at 03:00 by hand, though bills never came: the delivery takes 15 minutes from now."""
    found = forecasts(TWO, History(runs=DURATIONS), Progress(published={"billing": at("03:00")}), at("03:10"))
    assert ("publication", "billing") not in found.owed
    assert found.owed["delivery", "crm_core"] == Forecast(at("03:25"), "deliver crm_core 15 min", ("deliver:crm_core",))


def test_a_delivery_waits_for_its_publication() -> None:
    found = forecasts(TWO, History(runs=DURATIONS), Progress(HERE, runs=LOADED), at("03:00")).owed
    assert found["delivery", "crm_core"].at == at("03:40")  # 20 + 5 + 15
    assert found["delivery", "crm_core"].waits_for == ("build:billing", "publish:billing", "deliver:crm_core")
    sent = Progress(
        published={"billing": at("03:25")}, runs={("deliver", "crm_core"): StepRun(at("03:26"), at("03:40"))}
    )
    assert ("delivery", "crm_core") not in forecasts(TWO, History(), sent, at("03:45")).owed


def test_usage_merges_its_reads_between_loading_and_building() -> None:
    night = plan(feed("reads", domain="usage"))
    runs = {("load", "reads"): past(minutes(8)), ("merge", "reads"): past(minutes(4)),
            ("build", "usage"): past(minutes(12)), ("publish", "usage"): past(minutes(6))}  # fmt: skip
    found = forecasts(night, History(runs=runs), Progress({"reads": at("03:00")}), at("03:00"))
    assert found.owed["publication", "usage"].at == at("03:30")
    assert found.owed["publication", "usage"].waits_for == (
        "load:reads", "merge:reads", "build:usage", "publish:usage",
    )  # fmt: skip


# --- always ----------------------------------------------------------------------------------------

LENGTHS = st.integers(-120, 900).map(minutes)
NIGHTS = st.lists(st.builds(Past, st.dates(date(2026, 1, 5), date(2026, 3, 8)), LENGTHS), max_size=12)
STEPS: list[tuple[str, str]] = [*DURATIONS, ("merge", "reads"), ("build", "usage"), ("publish", "usage")]
RUNS = st.dictionaries(
    st.sampled_from(STEPS),
    st.tuples(st.integers(0, 600), st.one_of(st.none(), st.integers(0, 300))).map(
        lambda t: StepRun(at("00:00") + minutes(t[0]), None if t[1] is None else at("00:00") + minutes(t[0] + t[1]))
    ),
)
"""Runs of the night; those that lie after the clock are left out below."""


def known_by(now: datetime, runs: Mapping[tuple[str, str], StepRun]) -> dict[tuple[str, str], StepRun]:
    begun = {step: run for step, run in runs.items() if run.started_at <= now}
    return {s: r if r.ended_at is None or r.ended_at <= now else replace(r, ended_at=None) for s, r in begun.items()}


@given(
    arrivals=st.dictionaries(st.sampled_from(["bills", "accounts"]), NIGHTS),
    durations=st.dictionaries(st.sampled_from(STEPS), NIGHTS),
    runs=RUNS,
    passed=st.integers(0, 600),
)
def test_nothing_that_is_left_is_expected_before_now_nor_a_delivery_before_its_publication(
    arrivals: dict[str, list[Past]], durations: dict[tuple[str, str], list[Past]], runs: dict[tuple[str, str], StepRun],
    passed: int,
) -> None:  # fmt: skip
    now = at("00:00") + minutes(passed)
    long = {step: [Past(p.business_date, abs(p.length)) for p in nights] for step, nights in durations.items()}
    found = forecasts(TWO, History(arrivals, long), Progress(runs=known_by(now, runs)), now)

    assert all(f.at >= now and f.reason and f.waits_for for f in (*found.feeds.values(), *found.owed.values()))
    published = found.owed.get(("publication", "billing"))
    if published is not None:
        delivered = found.owed["delivery", "crm_core"]
        assert delivered.at >= published.at
        assert delivered.waits_for[: len(published.waits_for)] == published.waits_for
