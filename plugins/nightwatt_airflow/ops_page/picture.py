"""The night's timeline as numbers for a drawing: every instant becomes a share of the width.

Belongs here: geometry. Does not belong here: what is on the timeline (`nightwatt.stages`) and shapes (the template).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo

from nightwatt.stages.board_timeline import Lane, Timeline
from nightwatt.stages.board_words import clock_time

EDGE, CLOSE = 88.0, 9.0
"""From here on a text goes to the left of its mark; two marks so near would write over each other."""

NARROW = 8
"""So many hours fit on a narrow screen; of more, every other one is written."""


@dataclass(frozen=True)
class Tick:
    """A full hour."""

    x: float
    label: str
    is_minor: bool  # left out on a narrow screen


@dataclass(frozen=True)
class DrawnBar:
    """Work, from x on so wide."""

    x: float
    width: float
    tone: str
    label: str


@dataclass(frozen=True)
class DrawnMark:
    """Something at x."""

    x: float
    kind: str
    tone: str
    label: str
    text: str  # written beside it
    is_at_edge: bool  # its text goes to the left


@dataclass(frozen=True)
class DrawnLane:
    """One row."""

    label: str
    bars: tuple[DrawnBar, ...]
    marks: tuple[DrawnMark, ...]


@dataclass(frozen=True)
class Picture:
    """A night, ready to be drawn."""

    ticks: tuple[Tick, ...]
    now: float | None
    now_label: str
    groups: tuple[tuple[str, tuple[DrawnLane, ...]], ...]
    events: tuple[tuple[datetime, str], ...]  # the same as a list, in order


def picture(night: Timeline, zone: ZoneInfo) -> Picture:
    """Lay a timeline out."""
    length = (night.end - night.start) / timedelta(seconds=1)

    def x(at: datetime) -> float:
        share = (at - night.start) / timedelta(seconds=1) / length
        return round(100 * min(max(share, 0.0), 1.0), 2)

    def drawn(lane: Lane) -> DrawnLane:
        bars = [DrawnBar(x(b.start), round(x(b.end) - x(b.start), 2), b.tone.name.lower(), b.label) for b in lane.bars]
        marks = [
            DrawnMark(x(m.at), m.kind, m.tone.name.lower(), m.label, _beside(m.kind, m.at, zone), x(m.at) > EDGE)
            for m in lane.marks
        ]
        marks = _apart(marks)
        return DrawnLane(lane.label, tuple(bars), tuple(marks))

    hours = len(night.hours)
    return Picture(
        ticks=tuple(Tick(x(h), clock_time(h, zone), hours > NARROW and n % 2 == 1) for n, h in enumerate(night.hours)),
        now=x(night.now) if night.now else None,
        now_label=f"now, {clock_time(night.now, zone)}" if night.now else "",
        groups=tuple((name, tuple(map(drawn, lanes))) for name, lanes in groupby(night.lanes, key=lambda n: n.group)),
        events=tuple(sorted(_events(night))),
    )


def _apart(marks: list[DrawnMark]) -> list[DrawnMark]:
    """Let two texts that would lie over each other go to both sides."""
    written = sorted((m for m in marks if m.text), key=lambda m: m.x)
    for left, right in pairwise(written):
        if right.x - left.x < (2 * CLOSE if right.is_at_edge else CLOSE):
            marks = [replace(m, is_at_edge=True) if m is left else m for m in marks]
            marks = [replace(m, is_at_edge=False) if m is right and m.x <= EDGE else m for m in marks]
    return marks


def _beside(kind: str, at: datetime, zone: ZoneInfo) -> str:
    return clock_time(at, zone) if kind in {"deadline", "forecast"} else ""


def _events(night: Timeline) -> Iterable[tuple[datetime, str]]:
    for lane in night.lanes:
        where = f"{lane.group}, {lane.label}" if lane.group != "deliveries" else lane.label
        yield from ((b.start, f"{where}: {b.label}") for b in lane.bars)
        yield from ((m.at, f"{where}: {m.label}") for m in lane.marks)
