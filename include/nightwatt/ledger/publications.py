"""Publications in the ledger: intent, outcome, and which one stands.

Belongs here: the rows of `publications` and their changes of state. Does not belong here: building and
checking a publication (`warehouse`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from nightwatt.ledger.book import next_sequence
from nightwatt.ledger.models import Publication, PublicationState


@dataclass(frozen=True)
class Content:
    """What a publication claims to hold."""

    domain: str
    as_of: date
    through_sequence: int
    store_version: int | None


def intend(session: Session, content: Content, standing: int, at: datetime) -> Publication:
    """Return the row a publication is built under, with a number above `standing`.

    An attempt that was interrupted, or refused with the same content, goes on under its number: nobody
    has seen it. One whose number has been overtaken by another domain's is closed and a new one taken,
    because numbers become visible in their order.

    Args:
        session: the caller's transaction.
        content: what will be published.
        standing: number of the publication readers see now (0: none).
        at: now.
    """
    row = _open_attempt(session, content, standing) or Publication(
        sequence=next_sequence(session), started_at=at, domain=content.domain
    )
    row.as_of = content.as_of
    row.through_sequence = content.through_sequence
    row.store_version = content.store_version
    row.state = PublicationState.BUILDING
    row.message = None
    session.add(row)
    _close_overtaken(session, content.domain, row.sequence)
    session.flush()
    return row


def _open_attempt(session: Session, content: Content, standing: int) -> Publication | None:
    open_rows = session.scalars(
        select(Publication)
        .where(Publication.domain == content.domain, Publication.sequence > standing)
        .where(Publication.state.in_([PublicationState.BUILDING, PublicationState.REFUSED]))
        .order_by(Publication.sequence.desc())
    ).all()
    newest = open_rows[0] if open_rows else None
    if newest is None or newest.state == PublicationState.BUILDING:
        return newest
    claims = Content(newest.domain, newest.as_of, newest.through_sequence, newest.store_version)
    return newest if claims == content else None


def _close_overtaken(session: Session, domain: str, by: int) -> None:
    session.execute(
        update(Publication)
        .where(
            Publication.domain == domain,
            Publication.sequence != by,
            Publication.state == PublicationState.BUILDING,
        )
        .values(state=PublicationState.REFUSED, message=f"interrupted; {by} was published instead")
    )


def settle(session: Session, sequence: int, published_at: datetime, tables: Mapping[str, Any]) -> None:
    """Note that a publication is the one readers see."""
    session.execute(
        update(Publication)
        .where(Publication.sequence == sequence)
        .values(state=PublicationState.PUBLISHED, published_at=published_at, tables=dict(tables), message=None)
    )


def refuse(session: Session, sequence: int, message: str) -> None:
    """Note that a publication failed its checks; the one before stays."""
    session.execute(
        update(Publication)
        .where(Publication.sequence == sequence)
        .values(state=PublicationState.REFUSED, message=message)
    )


def withdraw(session: Session, above: int, message: str) -> list[int]:
    """Note on every publication above a number that readers no longer see it; returns the numbers."""
    changed = session.execute(
        update(Publication)
        .where(Publication.sequence > above, Publication.state == PublicationState.PUBLISHED)
        .values(message=message)
        .returning(Publication.sequence)
    )
    return sorted(changed.scalars())


def find(session: Session, sequence: int) -> Publication | None:
    """Return one publication."""
    return session.get(Publication, sequence)


def latest(session: Session, domain: str) -> Publication | None:
    """Return the newest publication of a domain that readers have seen."""
    return session.scalars(
        select(Publication)
        .where(Publication.domain == domain, Publication.state == PublicationState.PUBLISHED)
        .order_by(Publication.sequence.desc())
        .limit(1)
    ).one_or_none()


def recent(session: Session, limit: int = 20) -> Sequence[Publication]:
    """Return the newest publications of all domains, newest first."""
    return session.scalars(select(Publication).order_by(Publication.sequence.desc()).limit(limit)).all()
