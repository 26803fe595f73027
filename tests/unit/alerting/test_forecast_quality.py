"""How early and how often right "at risk" is: nights drawn by chance, judged every 15 minutes until they are done.

Three feeds come at about 02:30, now and then hours late; a build of about 22 minutes now and then takes hours. Nobody
can foresee something that goes wrong half an hour before the deadline, so the bounds are below perfect foresight.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import yaml
from tests.support.contracts import IDOCS

from nightwatt.alerting.forecast import forecasts
from nightwatt.alerting.plan import night_plan
from nightwatt.contracts.catalog import Catalog
from nightwatt.contracts.feed import Feed
from nightwatt.ledger.durations import History, Past, Progress, StepRun

NEW_YORK = ZoneInfo("America/New_York")
FEEDS = ("accounts", "bills", "payments")
CATALOG = Catalog(Path("nowhere"), {f: Feed.model_validate(yaml.safe_load(IDOCS) | {"feed": f}) for f in FEEDS}, {})
FIRST, LEARNT, NIGHTS = date(2026, 4, 1), 30, 90
DEADLINE = 360
"""Minutes after midnight."""


@dataclass(frozen=True)
class Drawn:
    """A night as it will go, in minutes."""

    day: date
    arrived: dict[str, float]
    load: dict[str, float]
    build: float
    publish: float

    @property
    def built_from(self) -> float:
        return max(self.arrived[f] + self.load[f] for f in FEEDS)

    @property
    def built(self) -> float:
        return self.built_from + self.build

    @property
    def done(self) -> float:
        return self.built + self.publish

    def progress(self, now: float) -> Progress:
        """What is known at so many minutes after midnight."""
        midnight = datetime.combine(self.day, time.min, tzinfo=NEW_YORK).astimezone(UTC)

        def at(minute: float) -> datetime:
            return midnight + timedelta(minutes=minute)

        def run(begun: float, ended: float) -> StepRun:
            return StepRun(at(begun), at(ended) if ended <= now else None)

        there = {f: minute for f, minute in self.arrived.items() if minute <= now}
        runs = {("load", f): run(minute, minute + self.load[f]) for f, minute in there.items()}
        if self.built_from <= now:
            runs["build", "billing"] = run(self.built_from, self.built)
        if self.built <= now:
            runs["publish", "billing"] = run(self.built, self.done)
        return Progress({f: at(minute) for f, minute in there.items()}, runs=runs)


def drawn(chance: random.Random, number: int) -> Drawn:
    late = {f: chance.uniform(40, 260) if chance.random() < 0.06 else 0 for f in FEEDS}
    return Drawn(
        FIRST + timedelta(days=number),
        {f: chance.gauss(150, 8) + late[f] for f in FEEDS},
        {f: max(2, chance.gauss(8, 2)) for f in FEEDS},
        chance.uniform(60, 260) if chance.random() < 0.08 else max(5, chance.gauss(22, 3)),
        max(2, chance.gauss(5, 1)),
    )


def history(nights: list[Drawn]) -> History:
    def past(lengths: dict[date, float]) -> list[Past]:
        return [Past(day, timedelta(minutes=length)) for day, length in lengths.items()]

    return History(
        {f: past({n.day: n.arrived[f] for n in nights}) for f in FEEDS},
        {("load", f): past({n.day: n.load[f] for n in nights}) for f in FEEDS}
        | {
            ("build", "billing"): past({n.day: n.build for n in nights}),
            ("publish", "billing"): past({n.day: n.publish for n in nights}),
        },
    )


def first_at_risk(night: Drawn, earlier: History) -> int | None:
    """Return how many minutes before the deadline a night was first at risk; None if it never was."""
    plan = night_plan(CATALOG, night.day, NEW_YORK)
    owed = plan.owes("publication", "billing")
    assert owed is not None
    midnight = datetime.combine(night.day, time.min, tzinfo=NEW_YORK).astimezone(UTC)
    for now in range(30, min(DEADLINE, int(night.done)), 15):
        found = forecasts(plan, earlier, night.progress(now), midnight + timedelta(minutes=now)).owed
        forecast = found.get(("publication", "billing"))
        if forecast is not None and forecast.at > owed.deadline:
            return DEADLINE - now
    return None


def test_most_missed_deadlines_are_told_before_and_few_that_hold() -> None:
    missed, kept = [], []
    for seed in range(4):
        chance = random.Random(seed)
        nights = [drawn(chance, n) for n in range(NIGHTS)]
        for number in range(LEARNT, NIGHTS):
            told = first_at_risk(nights[number], history(nights[max(0, number - 56) : number]))
            (missed if nights[number].done > DEADLINE else kept).append(told)

    told_in_time = [before for before in missed if before is not None]
    false_alarms = [before for before in kept if before is not None]
    assert len(missed) > 15
    assert len(told_in_time) >= 0.95 * len(missed)
    assert sum(before >= 100 for before in told_in_time) >= len(missed) / 5
    assert len(false_alarms) <= 0.03 * len(kept)
