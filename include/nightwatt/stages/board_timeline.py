"""The night as a picture: who worked when, what came when, and where the deadlines stand.

Belongs here: which lanes there are, and instants on them. Does not belong here: pixels, colours and text sizes
(the page).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from nightwatt.calendar import day_bounds
from nightwatt.ledger.models import Run, RunState, Sending
from nightwatt.stages.board_feeds import FeedLine, Tone
from nightwatt.stages.board_words import clock_time, counted, listed

if TYPE_CHECKING:
    from nightwatt.stages.board import OwedLine

MARGIN = timedelta(minutes=30)


@dataclass(frozen=True)
class Bar:
    """Work from one instant to another."""

    start: datetime
    end: datetime
    tone: Tone
    label: str


@dataclass(frozen=True)
class Mark:
    """Something that happened, or is due, at an instant."""

    at: datetime
    kind: str  # arrival, absent, sent, deadline, forecast
    tone: Tone
    label: str


@dataclass(frozen=True)
class Lane:
    """One row of the picture."""

    group: str  # a domain, or deliveries
    label: str
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Timeline:
    """One night from its first sign of life to its last deadline."""

    start: datetime
    end: datetime
    now: datetime | None  # where it lies inside
    hours: tuple[datetime, ...]  # instants of full local hours
    lanes: tuple[Lane, ...]


@dataclass(frozen=True)
class Frame:
    """Which night is shown, seen from when."""

    business_date: date
    now: datetime
    zone: ZoneInfo


def timeline(
    night: Frame,
    owed: Sequence[OwedLine],
    feeds: Sequence[FeedLine],
    runs: Sequence[Run],
    sent: Sequence[Sending],
) -> Timeline:
    """Lay out a night: for each domain what came and what was made of it, then every delivery."""
    now, zone = night.now, night.zone
    midnight, _ = day_bounds(night.business_date, zone)
    lanes = [lane for o in owed if o.kind == "publication" for lane in _domain(o, feeds, runs, now, zone)]
    lanes += [_delivery(o, runs, sent, now, zone) for o in owed if o.kind == "delivery"]
    first, last = _frame(lanes, owed, midnight)
    is_inside = first <= now <= last
    return Timeline(first, last, now if is_inside else None, tuple(_hours(first, last)), tuple(lanes))


def _frame(lanes: Sequence[Lane], owed: Sequence[OwedLine], midnight: datetime) -> tuple[datetime, datetime]:
    """Show from midnight to the last deadline and a little; longer where something happened before or after."""
    earliest, latest = midnight - timedelta(hours=3), midnight + timedelta(hours=18)
    instants = [o.deadline for o in owed] + [m.at for lane in lanes for m in lane.marks]
    instants += [i for lane in lanes for bar in lane.bars for i in (bar.start, bar.end)]
    shown = [i for i in instants if earliest <= i <= latest]
    first = min([midnight, *shown]) - timedelta(minutes=10)
    last = max([midnight + timedelta(hours=6), *shown]) + MARGIN
    return first, last


def _hours(first: datetime, last: datetime) -> Iterable[datetime]:
    at = first.replace(minute=0, second=0, microsecond=0)
    while at <= last:
        if at >= first:
            yield at
        at += timedelta(hours=1)


def _domain(
    owed: OwedLine, feeds: Sequence[FeedLine], runs: Sequence[Run], now: datetime, zone: ZoneInfo
) -> Iterable[Lane]:
    mine = [f for f in feeds if f.domain == owed.subject]
    names = {f.feed for f in mine}
    arrivals = [_arrival(f, f.arrived_at, zone) for f in mine if f.arrived_at]
    gone = [f for f in mine if f.is_trouble and not f.files]
    if gone:
        worst = min(f.tone for f in gone)
        by = min(f.times.late_at for f in gone)
        arrivals.append(Mark(by, "absent", worst, f"not here: {listed([f.feed for f in gone])}"))
    yield Lane(owed.subject, "files", (), tuple(arrivals))
    loads = [r for r in runs if (r.stage == "load" and r.subject in names) or _merges(r, owed.subject)]
    yield Lane(owed.subject, "load", tuple(_bars(loads, now)), ())
    made = [r for r in runs if r.stage in {"build", "publish"} and r.subject == owed.subject]
    yield Lane(owed.subject, "build and publish", tuple(_bars(made, now)), tuple(_promise(owed, zone)))


def _arrival(feed: FeedLine, at: datetime, zone: ZoneInfo) -> Mark:
    return Mark(at, "arrival", Tone.BAD if feed.held else Tone.GOOD, f"{feed.feed} came {clock_time(at, zone)}")


def _merges(run: Run, domain: str) -> bool:
    return run.stage == "merge" and domain == "usage"


def _delivery(owed: OwedLine, runs: Sequence[Run], sent: Sequence[Sending], now: datetime, zone: ZoneInfo) -> Lane:
    mine = [r for r in runs if r.stage == "deliver" and r.subject == owed.subject]
    files = [
        Mark(at, "sent", Tone.GOOD, f"{s.file_name}, {counted(s.rows, 'row')}, {clock_time(at, zone)}")
        for s in sent
        if s.delivery == owed.subject and (at := s.delivered_at)
    ]
    return Lane("deliveries", owed.title, tuple(_bars(mine, now)), (*files, *_promise(owed, zone)))


def _promise(owed: OwedLine, zone: ZoneInfo) -> Iterable[Mark]:
    yield Mark(owed.deadline, "deadline", owed.tone, f"due {clock_time(owed.deadline, zone)}: {owed.state}")
    if owed.forecast_at is not None and owed.done_at is None:
        yield Mark(owed.forecast_at, "forecast", owed.tone, f"expected about {clock_time(owed.forecast_at, zone)}")


def _bars(runs: Sequence[Run], now: datetime) -> Iterable[Bar]:
    """Yield the runs as bars; those of one stage and outcome that overlap or touch become one."""
    tones = {RunState.SUCCEEDED: Tone.GOOD, RunState.RUNNING: Tone.BUSY, RunState.FAILED: Tone.BAD}
    open_bars: list[Bar] = []
    for run in sorted(runs, key=lambda r: (r.started_at, r.id)):
        tone = tones.get(RunState(run.state), Tone.WARN)
        end = run.ended_at or max(now, run.started_at)
        bar = Bar(run.started_at, end, tone, f"{run.stage} {run.subject}: {run.state}")
        before = next((b for b in open_bars if b.tone is tone and b.end >= bar.start - timedelta(seconds=30)), None)
        if before is None:
            open_bars.append(bar)
        else:
            open_bars[open_bars.index(before)] = Bar(before.start, max(before.end, bar.end), tone, _joined(before, bar))
    return open_bars


def _joined(before: Bar, bar: Bar) -> str:
    return before.label if before.label == bar.label else f"{before.label.split(' and more')[0]} and more"
