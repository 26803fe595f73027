"""How earlier nights went, and how far tonight is: when feeds came and how long stages took. What forecasts go by.

Belongs here: a few questions over many nights at once. Does not belong here: what follows from the answers
(`alerting.forecast`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nightwatt.ledger import decisions, looks
from nightwatt.ledger.models import (
    NightChoice,
    Publication,
    PublicationState,
    Receipt,
    ReceiptState,
    Run,
    RunState,
)

NIGHTS = 56
"""Eight weeks: eight nights of each weekday."""

STAGES = ("load", "merge", "build", "publish", "deliver")
"""The stages between a feed's arrival and a partner's file."""

_EARLIEST, _LATEST = timedelta(hours=-12), timedelta(hours=24)
"""Arrivals outside of these hours around a business date's midnight are of a night done again, or of no use to it."""

Step = tuple[str, str]
"""A stage and its subject: `("load", "ccb_bill")`, `("build", "billing")`."""


@dataclass(frozen=True)
class Past:
    """One earlier night: how long something took, or how long after local midnight, by the wall clock, it was there."""

    business_date: date
    length: timedelta


@dataclass(frozen=True)
class History:
    """Earlier nights, oldest first."""

    arrivals: Mapping[str, Sequence[Past]] = field(default_factory=dict)  # by feed
    runs: Mapping[Step, Sequence[Past]] = field(default_factory=dict)


@dataclass(frozen=True)
class StepRun:
    """The newest run of a step tonight, if it succeeded or goes on."""

    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True)
class Progress:
    """How far a night is."""

    arrived: Mapping[str, datetime] = field(default_factory=dict)  # feeds of which all is there, and since when
    let_go: frozenset[str] = frozenset()  # feeds that a person skipped, or accepted as they are
    runs: Mapping[Step, StepRun] = field(default_factory=dict)
    published: Mapping[str, datetime] = field(default_factory=dict)  # domains, and when they first were
    released: Mapping[str, datetime] = field(default_factory=dict)  # feeds that a person lets come late, and until when


def history(session: Session, business_date: date, zone: ZoneInfo, nights: int = NIGHTS) -> History:
    """Return how the nights before a business date went."""
    first = business_date - timedelta(days=nights)
    return History(_arrivals(session, first, business_date, zone), _runs(session, first, business_date, zone))


def _arrivals(session: Session, first: date, before: date, zone: ZoneInfo) -> dict[str, list[Past]]:
    """Return when the last file of each night came; a file that was sent again counts when it came first."""
    each = (
        select(Receipt.feed, Receipt.business_date, func.min(Receipt.arrived_at).label("at"))
        .where(Receipt.business_date >= first, Receipt.business_date < before, Receipt.state == ReceiptState.LOADED)
        .group_by(Receipt.feed, Receipt.business_date, Receipt.file_name)
        .subquery()
    )
    rows = session.execute(
        select(each.c.feed, each.c.business_date, func.max(each.c.at))
        .group_by(each.c.feed, each.c.business_date)
        .order_by(each.c.feed, each.c.business_date)
    )
    found: dict[str, list[Past]] = defaultdict(list)
    for feed, day, at in cast("Iterable[tuple[str, date, datetime]]", rows):
        length = wall_offset(at, day, zone)
        if _EARLIEST <= length <= _LATEST:
            found[feed].append(Past(day, length))
    return dict(found)


def wall_offset(instant: datetime, business_date: date, zone: ZoneInfo) -> timedelta:
    """Return how long after a local midnight a wall clock shows an instant: senders go by the wall clock."""
    return instant.astimezone(zone).replace(tzinfo=None) - datetime.combine(business_date, time.min)


def _runs(session: Session, first: date, before: date, zone: ZoneInfo) -> dict[Step, list[Past]]:
    """Return how long each step took; of several runs for a date the longest, as one that finds its work done is short.

    Merging is of no one date: it counts for the local date on which it began.
    """
    rows = session.execute(
        select(Run.stage, Run.subject, Run.business_date, Run.started_at, Run.ended_at)
        .where(Run.stage.in_(STAGES), Run.state == RunState.SUCCEEDED, Run.ended_at.is_not(None))
        .where((Run.business_date >= first) | Run.business_date.is_(None))
        .where(Run.started_at >= datetime.combine(first, time.min, tzinfo=zone))
    )
    longest: dict[tuple[Step, date], timedelta] = {}
    for stage, subject, day, started_at, ended_at in rows:
        night = day or started_at.astimezone(zone).date()
        if night < before and ended_at is not None:
            key = ((stage, subject), night)
            longest[key] = max(longest.get(key, timedelta(0)), ended_at - started_at)
    found: dict[Step, list[Past]] = defaultdict(list)
    for (step, night), length in sorted(longest.items()):
        found[step].append(Past(night, length))
    return dict(found)


def progress(session: Session, business_date: date, zone: ZoneInfo) -> Progress:
    """Return how far a business date is."""
    runs = _runs_of(session, business_date, zone)
    loaded = {subject: run.started_at for (stage, subject), run in runs.items() if stage == "load" and run.ended_at}
    seen = looks.of_night(session, business_date).items()
    ready = {feed: look.ready_at for feed, look in seen if look.ready_at is not None}
    decided = decisions.of_night(session, business_date)
    let_go = {feed for feed, word in decided.items() if word.choice in {NightChoice.SKIP, NightChoice.ACCEPT}}
    released = {feed: word.until for feed, word in decided.items() if word.until is not None}
    return Progress(loaded | ready, frozenset(let_go), runs, _published(session, business_date), released)


def _published(session: Session, business_date: date) -> dict[str, datetime]:
    rows = session.execute(
        select(Publication.domain, func.min(Publication.published_at))
        .where(Publication.as_of == business_date, Publication.state == PublicationState.PUBLISHED)
        .where(Publication.published_at.is_not(None))
        .group_by(Publication.domain)
    )
    return {domain: at for domain, at in cast("Iterable[tuple[str, datetime]]", rows)}


def _runs_of(session: Session, business_date: date, zone: ZoneInfo) -> dict[Step, StepRun]:
    """Return the newest run of each step of a night, where it did not fail; what failed is to be done still."""
    midnight = datetime.combine(business_date, time.min, tzinfo=zone)
    next_midnight = datetime.combine(business_date + timedelta(days=1), time.min, tzinfo=zone)
    undated = Run.business_date.is_(None) & (Run.started_at >= midnight) & (Run.started_at < next_midnight)
    rows = session.execute(
        select(Run.stage, Run.subject, Run.state, Run.started_at, Run.ended_at)
        .where(Run.stage.in_(STAGES), (Run.business_date == business_date) | undated)
        .order_by(Run.id)
    )
    newest = {(stage, subject): (state, StepRun(start, end)) for stage, subject, state, start, end in rows}
    return {step: run for step, (state, run) in newest.items() if state != RunState.FAILED}
