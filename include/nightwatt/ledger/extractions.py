"""Questions and entries about extractions: one row for each pull of rows out of a source.

Belongs here: where the next pull begins, and which pulls a killed process left open. Does not belong here: reading a
source or writing its file (arrival).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from nightwatt.ledger.models import Extraction, RunState


def begin(session: Session, feed: str, business_date: date, since: str | None, at: datetime) -> Extraction:
    """Enter a pull that begins now."""
    row = Extraction(feed=feed, business_date=business_date, since=since, state=RunState.RUNNING, started_at=at)
    session.add(row)
    session.flush()
    return row


def note_file(session: Session, extraction_id: int, file_name: str | None, rows: int, mark: str | None) -> None:
    """Say what a pull is about to put in place; its mark counts only once it has succeeded."""
    row = session.get_one(Extraction, extraction_id)
    row.file_name, row.rows, row.mark = file_name, rows, mark


def succeed(session: Session, extraction_id: int, at: datetime) -> Extraction:
    """End a pull whose file is whole in its place."""
    row = session.get_one(Extraction, extraction_id)
    row.state, row.ended_at = RunState.SUCCEEDED, at
    return row


def fail(session: Session, extraction_id: int, at: datetime, message: str) -> None:
    """End a pull that came to nothing."""
    row = session.get_one(Extraction, extraction_id)
    row.state, row.ended_at, row.message = RunState.FAILED, at, message[:2000]


def open_ones(session: Session, feed: str) -> Sequence[Extraction]:
    """Return pulls that have not ended; under the feed's lock, those of processes that were killed."""
    return session.scalars(
        select(Extraction).where(Extraction.feed == feed, Extraction.state == RunState.RUNNING).order_by(Extraction.id)
    ).all()


def last_mark(session: Session, feed: str) -> str | None:
    """Return how far the feed's rows have been read, in the source's own clock."""
    return session.scalar(_succeeded(feed).where(Extraction.mark.is_not(None)).with_only_columns(Extraction.mark))


def latest(session: Session, feed: str, business_date: date | None = None) -> Extraction | None:
    """Return the newest pull that succeeded, of one night if it is named."""
    found = _succeeded(feed)
    return session.scalar(found.where(Extraction.business_date == business_date) if business_date else found)


def has_file(session: Session, feed: str, business_date: date) -> bool:
    """Return whether any pull for a night has put a file in place."""
    named = _succeeded(feed).where(Extraction.business_date == business_date, Extraction.file_name.is_not(None))
    return session.scalar(named) is not None


def _succeeded(feed: str) -> Select[Extraction]:
    return (
        select(Extraction)
        .where(Extraction.feed == feed, Extraction.state == RunState.SUCCEEDED)
        .order_by(Extraction.id.desc())
        .limit(1)
    )
