"""When will it be done? A forecast of each feed's arrival, and of everything a night owes.

The rule, in two sentences. What is not done yet takes as long as it usually took on earlier nights that had, at this
point, gone the way tonight has (a feed that is not there at 04:00 is judged by nights on which it came later still, a
build that has run for 20 minutes by builds that ran longer): nights of the same weekday where there are enough, all
nights otherwise. What nothing earlier resembles may happen any moment, so it is expected now, and behind it comes the
usual work still left; a step that has run longer than ever before is expected to take half as long again as it has.

What "usually" is: the middle of those nights as long as half of all nights could still be like tonight; once tonight is
an unusual night, the first third of them, so that "at risk" says that two of three such nights were too late.

Belongs here: pure functions over a plan, earlier nights, progress and a clock. Does not belong here: looking those up
(`ledger.durations`), and judging a forecast against a deadline (`verdict.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta

from nightwatt.alerting.plan import ExpectedFeed, NightPlan, Owed
from nightwatt.calendar import wall_instant
from nightwatt.ledger.durations import History, Past, Progress, Step, StepRun, wall_offset

CHAIN: Mapping[str, tuple[tuple[str, str], ...]] = {
    "billing": (("build", "billing"), ("publish", "billing")),
    "usage": (("merge", "reads"), ("build", "usage"), ("publish", "usage")),
}
"""What comes after the last feed of a domain is loaded, in this order."""

ENOUGH_OF_A_WEEKDAY = 3
ENOUGH_ALIKE = 2
"""One night that went the way tonight does is chance: its file came at noon, and every late one after it would be at
risk from the first minute. Two are a pattern."""
OVERTIME = 0.5
"""How much longer a step runs that has run longer than ever, as a share of how long it has: the longer something
unusual has lasted, the longer it lasts. Expected to end any moment, it would be at risk in its last minutes only."""


@dataclass(frozen=True)
class Forecast:
    """When something will probably be done, and what it waits for."""

    at: datetime
    reason: str
    waits_for: tuple[str, ...]  # `<stage>:<subject>`, the first thing first: `arrival:ccb_bill`, `build:billing`


@dataclass(frozen=True)
class Forecasts:
    """Of everything that is not done."""

    feeds: Mapping[str, Forecast]  # arrivals, by feed
    owed: Mapping[tuple[str, str], Forecast]  # by kind and subject


def forecasts(plan: NightPlan, history: History, progress: Progress, now: datetime) -> Forecasts:
    """Say when each feed that is not there will come, and when what is owed and not done will be done."""
    night = _Night(plan, history, progress, now)
    feeds = {
        f.feed: night.forecast(night.arrival(f))
        for f in plan.expected()
        if night.holds_up(f) and f.feed not in progress.arrived
    }
    marks = [((str(o.kind), o.subject), night.owed(o)) for o in plan.owed]
    return Forecasts(feeds, {of: night.forecast(mark) for of, mark in marks if mark.pending})


# --- what is usual ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Usual:
    """What earlier nights say about a length."""

    length: timedelta
    nights: int
    of: str  # which nights: `Mondays`, or `nights`


def usual(past: Sequence[Past], weekday: int, beyond: timedelta | None = None) -> Usual | None:
    """Return how long something usually takes; where some time has passed, on nights that were not done by then.

    Args:
        past: earlier nights.
        weekday: tonight's, 0 for Monday: its nights go first, where there are enough.
        beyond: what has passed already; None if it has not begun.

    Returns:
        None where no night went that way, or one only.
    """
    alike = [p for p in past if beyond is None or p.length > beyond]
    same = [p for p in alike if p.business_date.weekday() == weekday]
    if len(same) >= ENOUGH_OF_A_WEEKDAY:
        every = sum(p.business_date.weekday() == weekday for p in past)
        return Usual(_middle_or_third(same, every), len(same), f"{same[0].business_date:%A}s")
    enough = 1 if beyond is None else ENOUGH_ALIKE
    return Usual(_middle_or_third(alike, len(past)), len(alike), "nights") if len(alike) >= enough else None


def _middle_or_third(alike: Sequence[Past], every: int) -> timedelta:
    """Return the middle of the lengths left while at least half of all are; the first third of them after that."""
    lengths = sorted(p.length for p in alike)
    return lengths[(len(lengths) - 1) // (2 if 2 * len(lengths) >= every else 3)]


# --- the night as a chain ---------------------------------------------------------------------------


@dataclass(frozen=True)
class _Mark:
    """An instant of the night, and what is still to be done until it, in order."""

    at: datetime
    pending: tuple[str, ...] = ()
    words: tuple[str, ...] = ()  # one for each thing pending

    def then(self, at: datetime, what: str, words: str) -> _Mark:
        return _Mark(at, (*self.pending, what), (*self.words, words))


@dataclass(frozen=True)
class _Night:
    """One night at one moment."""

    plan: NightPlan
    history: History
    progress: Progress
    now: datetime

    def forecast(self, mark: _Mark) -> Forecast:
        return Forecast(mark.at, ", then ".join(mark.words), mark.pending)

    def owed(self, owed: Owed) -> _Mark:
        """Return when something owed is done; a report is served by the delivery of the same night."""
        published = self.published(owed.domain, owed.start_at)
        if owed.kind == "publication":
            return published
        return self._after(published, ("deliver", owed.subject))

    def published(self, domain: str, start_at: datetime) -> _Mark:
        if domain in self.progress.published:
            return _Mark(self.progress.published[domain])
        mark = self._loaded_all(domain, start_at)
        for step in CHAIN.get(domain, ()):
            mark = self._after(mark, step)
        return mark

    def _loaded_all(self, domain: str, start_at: datetime) -> _Mark:
        """Return when the slowest feed that a domain waits for is loaded."""
        waited = [f for f in self.plan.expected(domain) if self.holds_up(f)]
        marks = [self._after(self.arrival(f), ("load", f.feed)) for f in waited]
        slowest = max(marks, key=lambda m: m.at, default=_Mark(start_at))
        return slowest if slowest.at >= start_at else replace(slowest, at=start_at)

    def holds_up(self, feed: ExpectedFeed) -> bool:
        """Whether the night waits for a feed: not if somebody let it go, nor if its contract does by now."""
        given_up = feed.may_be_skipped and self.now >= self.deadline(feed) and feed.feed not in self.progress.arrived
        return feed.files > 0 and feed.every is None and feed.feed not in self.progress.let_go and not given_up

    def deadline(self, feed: ExpectedFeed) -> datetime:
        """Return until when the night waits for a feed: a person may have let it come later."""
        return max(feed.deadline, self.progress.released.get(feed.feed, feed.deadline))

    def arrival(self, feed: ExpectedFeed) -> _Mark:
        """Return when all files of a feed are there."""
        if feed.feed in self.progress.arrived:
            return _Mark(self.progress.arrived[feed.feed])
        day, zone = self.plan.business_date, self.plan.zone
        past, so_far = self.history.arrivals.get(feed.feed, ()), wall_offset(self.now, day, zone)
        what = f"arrival:{feed.feed}"
        found = usual(past, day.weekday(), beyond=so_far)
        if found is None:
            told = (
                f"{feed.feed} has not come, later than on {_nights_below(past, so_far)}"
                if past
                else f"{feed.feed} has not come"
            )
            return _Mark(self.now).then(self.now, what, told)
        at = max(self.now, _at_offset(self.plan, found.length))
        if feed.may_be_skipped:
            at = min(at, max(self.now, self.deadline(feed)))
        words = f"{feed.feed} comes at about {at.astimezone(zone):%H:%M} (as on {found.nights} {found.of} before)"
        return _Mark(at).then(at, what, words)

    def _after(self, before: _Mark, step: Step) -> _Mark:
        """Return when a step is done that follows on something; a run that began before that was done is of no use."""
        run = self.progress.runs.get(step)
        if run is not None and run.started_at < before.at:
            run = None
        if run is not None and run.ended_at is not None:
            return _Mark(run.ended_at)
        return self._running(before, step, run) if run else self._waiting(before, step)

    def _running(self, before: _Mark, step: Step, run: StepRun) -> _Mark:
        elapsed = self.now - run.started_at
        past = self.history.runs.get(step, ())
        found = usual(past, self.plan.business_date.weekday(), beyond=elapsed)
        said = f"{_name(step)} has run {_minutes(elapsed)}"
        if not past:
            return before.then(self.now, _key(step), said)
        if found is None:
            said = f"{said}, longer than on any of {len(past)} nights before; about {_minutes(elapsed * OVERTIME)} more"
            return before.then(self.now + elapsed * OVERTIME, _key(step), said)
        said = f"{said} and takes {_minutes(found.length)} (as on {found.nights} {found.of} before)"
        return before.then(run.started_at + found.length, _key(step), said)

    def _waiting(self, before: _Mark, step: Step) -> _Mark:
        start = max(before.at, self.now)
        found = usual(self.history.runs.get(step, ()), self.plan.business_date.weekday())
        length = found.length if found else timedelta(0)
        told = f"{_name(step)} {_minutes(length)}" if found else f"{_name(step)}, of which nothing is known"
        return before.then(start + length, _key(step), told)


def _at_offset(plan: NightPlan, offset: timedelta) -> datetime:
    """Return the instant at which a wall clock is so far past the business date's midnight."""
    shown = datetime.combine(plan.business_date, time.min) + offset
    return wall_instant(shown.date(), shown.time(), plan.zone)


def _nights_below(past: Sequence[Past], beyond: timedelta) -> str:
    return f"{sum(p.length <= beyond for p in past)} of {len(past)} nights before"


def _key(step: Step) -> str:
    return ":".join(step)


def _name(step: Step) -> str:
    stage, subject = step
    return {"merge": "merging the reads"}.get(stage, f"{stage} {subject}")


def _minutes(length: timedelta) -> str:
    return f"{max(1, round(length / timedelta(minutes=1)))} min"
