"""The newest look for a feed's files of a night, so that others can say what was seen without looking themselves.

Belongs here: noting a look, and reading looks back. Does not belong here: looking (arrival, through `stages`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from nightwatt.ledger.book import Ledger
from nightwatt.ledger.models import Look

UNCHANGED_FOR = timedelta(minutes=2)
"""A look that saw the same as the one noted is noted again only after so long: sensors look every half minute."""

KEPT_UNKNOWN = 50
"""Names kept of files that fit no feed; a folder full of them needs no more to be understood."""


@dataclass(frozen=True)
class Seen:
    """What one look saw."""

    is_ready: bool
    arrived: int
    expected: int
    reason: str
    unknown: Sequence[tuple[str, str]]  # names of files that fit no feed of the folder, and why
    looked_by: str


def note(ledger: Ledger, feed: str, business_date: date, seen: Seen) -> Look:
    """Note a look in at most one write, and none if the noted one is young and saw the same.

    `ready_at` is when the feed became whole; it is forgotten when it stops being so (a file was put on hold).
    """
    now = ledger.clock()
    with ledger.read() as session:
        known = session.get(Look, (feed, business_date))
    if known and not _is_news(known, seen, now):
        return known
    try:
        return _enter(ledger, feed, business_date, seen, now)
    except IntegrityError:  # two first looks at once: now there is an entry
        return _enter(ledger, feed, business_date, seen, now)


def _enter(ledger: Ledger, feed: str, business_date: date, seen: Seen, now: datetime) -> Look:
    with ledger.write() as session:
        row = session.get(Look, (feed, business_date))
        if row is None:
            row = Look(feed=feed, business_date=business_date, first_at=now, ready_at=None)
            session.add(row)
        _fill(row, seen, now)
    return row


def _fill(row: Look, seen: Seen, now: datetime) -> None:
    row.at, row.looked_by = now, seen.looked_by
    row.is_ready, row.arrived, row.expected, row.reason = seen.is_ready, seen.arrived, seen.expected, seen.reason
    row.ready_at = (row.ready_at or now) if seen.is_ready else None
    row.unknown = _names(seen)


def _names(seen: Seen) -> list[list[str]]:
    return [[name, why] for name, why in sorted(seen.unknown)[:KEPT_UNKNOWN]]


def _is_news(known: Look, seen: Seen, now: datetime) -> bool:
    before = (known.is_ready, known.arrived, known.expected, known.reason, known.unknown)
    after = (seen.is_ready, seen.arrived, seen.expected, seen.reason, _names(seen))
    return before != after or not known.at <= now < known.at + UNCHANGED_FOR


def of_night(session: Session, business_date: date) -> dict[str, Look]:
    """Return the newest look of each feed for a night."""
    rows = session.scalars(select(Look).where(Look.business_date == business_date).order_by(Look.feed))
    return {row.feed: row for row in rows}


def newest(session: Session, feed: str) -> Look | None:
    """Return the newest look for a feed, for whatever night."""
    return session.scalars(select(Look).where(Look.feed == feed).order_by(Look.at.desc()).limit(1)).first()
