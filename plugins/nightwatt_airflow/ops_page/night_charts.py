"""Which charts a page shows, from the nights it knows.

Belongs here: figures, words and colours of each night's mark. Does not belong here: drawing (`charts.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from nightwatt.alerting.verdict import span
from nightwatt.stages.board_words import clock_time, counted
from nightwatt.stages.histories import FeedNightLine, PublicationLine
from nightwatt_airflow.ops_page import charts

Drawn = dict[str, str]


def feed_charts(nights: Sequence[FeedNightLine], zone: ZoneInfo) -> Drawn:
    """Draw arrival times, rows, rejects and reading times of a feed."""
    came = [n for n in nights if n.arrived_at is not None]
    if not came:
        return {}
    last = nights[-1]
    lines = {
        "expected": (_hours(last.expected_by, last.business_date, zone), "muted"),
        "late": (_hours(last.late_at, last.business_date, zone), "warn"),
        "deadline": (_hours(last.deadline, last.business_date, zone), "bad"),
    }
    arrivals = [_arrival(n, n.arrived_at, zone) for n in nights]
    rows = [n.rows_kept for n in came]
    return {
        **_both("arrivals", arrivals, "Time of arrival by night", lines),
        "rows": charts.bars(
            [_bar(n, n.rows_kept, counted(n.rows_kept, "row")) for n in nights],
            "Rows kept by night",
            usual=median(rows) if rows else None,
        ),
        "rejects": _rejects(nights),
        **_reading(nights),
    }


def _rejects(nights: Sequence[FeedNightLine]) -> str:
    if not any(n.rows_rejected for n in nights):
        return ""
    points = [_bar(n, n.rows_rejected, f"{counted(n.rows_rejected, 'line')} put aside") for n in nights]
    return charts.bars(points, "Lines put aside by night", tone="warn")


def _reading(nights: Sequence[FeedNightLine]) -> Drawn:
    """Draw reading times in the unit that suits the longest."""
    longest = max((n.load_seconds or 0 for n in nights), default=0)
    unit, size = ("Minutes", 60) if longest >= 120 else ("Seconds", 1)
    points = [_bar(n, round((n.load_seconds or 0) / size, 2), _took(n)) for n in nights]
    return {"reading": charts.bars(points, f"{unit} of reading by night"), "unit": unit}


def delivery_charts(nights: Sequence[tuple[date, int, float | None]], due: float) -> Drawn:
    """Draw rows and times of delivery."""
    if not any(rows for _, rows, _ in nights):
        return {}
    times = [
        {
            "night": _brief(day),
            "value": at,
            "tone": "good" if at is None or at <= due else "bad",
            "said": f"{_brief(day)}: delivered {_clock(at)}" if at is not None else f"{_brief(day)}: nothing delivered",
        }
        for day, _, at in nights
    ]
    sent = [{"night": _brief(d), "value": n, "said": f"{_brief(d)}: {counted(n, 'row')}"} for d, n, _ in nights]
    usual = median([n for _, n, _ in nights if n])
    drawn: Drawn = {}
    for end, size in (("", "medium"), ("_narrow", "half")):
        drawn["times" + end] = charts.clocks(times, "Time of delivery by night", {"due": (due, "bad")}, size)
        drawn["rows" + end] = charts.bars(sent, "Rows sent by night", usual=usual, size=size)
    return drawn


def domain_charts(publications: Sequence[PublicationLine], zone: ZoneInfo, due: float) -> Drawn:
    """Draw when each night's publication was there."""
    first: dict[date, datetime] = {}
    for p in publications:  # newest first: the oldest of a night stays
        if p.published_at is not None:
            first[p.as_of] = p.published_at
    if not first:
        return {}
    points = [
        {
            "night": _brief(day),
            "value": (hour := _hours(at, day, zone)),
            "tone": "good" if hour <= due else "bad",
            "said": f"{_brief(day)}: published {clock_time(at, zone, day)}",
        }
        for day, at in sorted(first.items())
    ]
    return _both("published", points, "Time of publication by night", {"due": (due, "bad")})


def _both(name: str, points: Sequence[dict[str, Any]], title: str, lines: dict[str, tuple[float, str]]) -> Drawn:
    """Draw a chart for a wide page and for a narrow one."""
    return {
        name: charts.clocks(points, title, lines, "wide"),
        f"{name}_narrow": charts.clocks(points, title, lines, "half"),
    }


def _arrival(night: FeedNightLine, at: datetime | None, zone: ZoneInfo) -> dict[str, Any]:
    day = night.business_date
    if at is None:
        return {"night": _brief(day), "value": None, "tone": "bad", "said": f"{_brief(day)}: nothing came"}
    tone = "bad" if at > night.deadline or night.held else "warn" if at > night.late_at else "good"
    return {
        "night": _brief(day),
        "value": _hours(at, day, zone),
        "tone": tone,
        "said": f"{_brief(day)}: came {clock_time(at, zone, day)}{', on hold' if night.held else ''}",
    }


def _bar(night: FeedNightLine, value: float, said: str) -> dict[str, Any]:
    return {"night": _brief(night.business_date), "value": value, "said": f"{_brief(night.business_date)}: {said}"}


def _took(night: FeedNightLine) -> str:
    return "not read" if night.load_seconds is None else f"read in {span(timedelta(seconds=night.load_seconds))}"


def _hours(at: datetime, day: date, zone: ZoneInfo) -> float:
    """Return a wall-clock time as hours since local midnight; of another day, below 0 or above 24."""
    local = at.astimezone(zone)
    days = (local.date() - day).days
    return round(24 * days + local.hour + local.minute / 60 + local.second / 3600, 4)


def _clock(hours: float) -> str:
    return f"{int(hours):02d}:{int(hours * 60) % 60:02d}"


def _brief(day: date) -> str:
    return f"{day.day} {day:%b}"
