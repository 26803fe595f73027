"""The page about the simulated month: what happened each night, what was said, and how good forecasts were.

Belongs here: layout. Does not belong here: the nights (`tests/integration/test_month.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from nightwatt.alerting.verdict import span

HEAD = """# A month of nights that go wrong

Each night below was played at speed: senders drop files (or do not), Airflow's part and both watchers go by one clock
that is set by hand. Arriving, loading, judging and the messages are the platform's own; building, publishing and
sending are played by entries in the ledger that take as long as the night says. Five weeks of ordinary nights lie
before the first. Both watchers look every five minutes from 00:30 to 13:00; billing is due at 06:00, usage at 07:00,
the CRM's file at 07:00, Opower's at 08:00. Times are the utility's (America/New_York).

This page is written by the test that asserts it, `tests/integration/test_month.py`; every message is one that a channel
got, none came twice, and no alert was left open at the end of a night.

## The nights

| night | what happens | said |
|---|---|---|
"""

QUALITY = """
## How good "at risk" is

Everything owed in these nights, and whether its forecast had said beforehand that it would be late. *Early* is the time
between the first word and the deadline.

| | count | early, least | early, median | early, most |
|---|---|---|---|---|
"""

FOOT = """
A file that does not come at all is at risk from the moment at which the work left would end after the deadline: the
forecast cannot know earlier, the late file itself is said two hours before. A step that takes longer than any before it
is judged by how long it has been running.
"""


@dataclass(frozen=True)
class Told:
    """One thing owed: whether it was missed, and how long before its deadline somebody said so."""

    subject: str
    night: date
    was_missed: bool
    early: timedelta | None  # None: nobody said so before the deadline


def page(nights: Iterable[tuple[date, str, str, Sequence[str]]], owed: Sequence[Told]) -> str:
    """Return the page.

    Args:
        nights: date, title, what happens, and the messages of each night.
        owed: everything owed in them.
    """
    rows = [f"| {day:%a %d %b} | **{title}** {what} | {_said(said)} |" for day, title, what, said in nights]
    return HEAD + "\n".join(rows) + "\n" + QUALITY + "\n".join(_quality(owed)) + "\n" + FOOT


def _said(said: Sequence[str]) -> str:
    return "<br>".join(said) if said else "nothing"


def _quality(owed: Sequence[Told]) -> Iterable[str]:
    kinds = {
        "missed, and said before": [t for t in owed if t.was_missed and t.early],
        "missed without a word": [t for t in owed if t.was_missed and not t.early],
        "said, and met all the same": [t for t in owed if not t.was_missed and t.early],
        "met without a word": [t for t in owed if not t.was_missed and not t.early],
    }
    for name, found in kinds.items():
        early = sorted(t.early for t in found if t.early)
        least, middle, most = (span(early[n]) for n in (0, len(early) // 2, -1)) if early else ("", "", "")
        yield f"| {name} | {len(found)} | {least} | {middle} | {most} |"


def told(subject: str, night: date, deadline: datetime, *, missed: bool, opened_at: datetime | None) -> Told:
    """Return how one thing owed went."""
    early = deadline - opened_at if opened_at and opened_at < deadline else None
    return Told(subject, night, missed, early)
