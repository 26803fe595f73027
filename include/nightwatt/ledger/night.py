"""One business date as the ledger saw it: what the end screen, `status` and the ops page show.

Belongs here: questions across receipts, rejects, publications and sendings of a date. Does not belong
here: verdicts (alerting) and layout (cli).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nightwatt.ledger.models import Check, Publication, PublicationState, Receipt, RejectSummary, Sending


@dataclass(frozen=True)
class FeedNight:
    """A feed's files of one business date, superseded ones left out."""

    feed: str
    files: int
    held: int
    waiting: int
    rows_in: int
    rows_kept: int
    rows_rejected: int
    rows_ignored: int
    last_arrived_at: datetime


@dataclass(frozen=True)
class RejectReason:
    """Open rejects of one file of a night for one reason."""

    feed: str
    code: str
    column: str | None
    lines: int
    receipt_id: int


def feeds_of_night(session: Session, business_date: date) -> list[FeedNight]:
    """Return each feed that sent something for a business date."""

    def total(column: Any) -> Any:
        return func.coalesce(func.sum(column), 0)

    def count(state: str) -> Any:
        return func.count().filter(Receipt.state == state)

    rows = session.execute(
        select(
            Receipt.feed,
            func.count(),
            count("held"),
            count("landed"),
            total(Receipt.rows_in),
            total(Receipt.rows_kept),
            total(Receipt.rows_rejected),
            total(Receipt.rows_ignored),
            func.max(Receipt.arrived_at),
        )
        .where(Receipt.business_date == business_date, Receipt.superseded_by_id.is_(None))
        .group_by(Receipt.feed)
        .order_by(Receipt.feed)
    )
    return [FeedNight(*values) for values in cast("Iterable[tuple[Any, ...]]", rows)]


def reject_reasons(session: Session, business_date: date) -> list[RejectReason]:
    """Return why lines of a business date are put aside, by file, most lines first; superseded files left out."""
    rows = session.execute(
        select(
            Receipt.feed,
            RejectSummary.code,
            RejectSummary.column_name,
            func.sum(RejectSummary.open_lines),
            Receipt.id,
        )
        .join(Receipt, Receipt.id == RejectSummary.receipt_id)
        .where(
            Receipt.business_date == business_date,
            Receipt.superseded_by_id.is_(None),
            RejectSummary.open_lines > 0,
        )
        .group_by(Receipt.feed, Receipt.id, RejectSummary.code, RejectSummary.column_name)
        .order_by(Receipt.feed, Receipt.id, func.sum(RejectSummary.open_lines).desc(), RejectSummary.code)
    )
    return [RejectReason(*values) for values in cast("Iterable[tuple[Any, ...]]", rows)]


def standing_publications(session: Session) -> list[Publication]:
    """Return the newest publication of each domain that readers see."""
    newest = (
        select(func.max(Publication.sequence))
        .where(Publication.state == PublicationState.PUBLISHED)
        .group_by(Publication.domain)
    )
    return list(
        session.scalars(select(Publication).where(Publication.sequence.in_(newest)).order_by(Publication.domain))
    )


def sendings_of_night(session: Session, business_date: date) -> list[Sending]:
    """Return what was sent, or is on its way, for a business date."""
    return list(session.scalars(select(Sending).where(Sending.business_date == business_date).order_by(Sending.id)))


def failed_checks(session: Session, business_date: date) -> list[Check]:
    """Return the newest result of each check of a business date that did not pass."""
    newest = select(func.max(Check.id)).where(Check.business_date == business_date).group_by(Check.code, Check.subject)
    return list(session.scalars(select(Check).where(Check.id.in_(newest), Check.passed.is_(False)).order_by(Check.id)))


def newest_business_date(session: Session) -> date | None:
    """Return the newest business date anything arrived for."""
    return session.scalar(select(func.max(Receipt.business_date)))
