"""What people decided about one feed and one night: it may come late, it is skipped, what is there will do.

Belongs here: entering a decision, taking it back, and which one stands. Does not belong here: whether it makes sense
(`stages.deciding`) and what follows from it (arrival's sensor, loading, alerts).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from nightwatt.ledger.models import NightDecision


def add(session: Session, decision: NightDecision) -> NightDecision:
    """Enter a decision; from now on it stands."""
    session.add(decision)
    session.flush()
    return decision


def standing(session: Session, feed: str, business_date: date) -> NightDecision | None:
    """Return the newest decision that was not taken back, if there is one."""
    return session.scalars(
        select(NightDecision)
        .where(
            NightDecision.feed == feed,
            NightDecision.business_date == business_date,
            NightDecision.revoked_at.is_(None),
        )
        .order_by(NightDecision.id.desc())
        .limit(1)
    ).first()


def of_night(session: Session, business_date: date) -> dict[str, NightDecision]:
    """Return the standing decision of each feed somebody decided about."""
    rows = session.scalars(
        select(NightDecision)
        .where(NightDecision.business_date == business_date, NightDecision.revoked_at.is_(None))
        .order_by(NightDecision.id)
    )
    return {row.feed: row for row in rows}


def history(session: Session, feed: str | None = None, business_date: date | None = None) -> Sequence[NightDecision]:
    """Return every decision, those taken back too, oldest first."""
    question = select(NightDecision).order_by(NightDecision.id)
    if feed is not None:
        question = question.where(NightDecision.feed == feed)
    if business_date is not None:
        question = question.where(NightDecision.business_date == business_date)
    return session.scalars(question).all()


def take_back(session: Session, decision: NightDecision, by: str, at: datetime) -> None:
    """Note that a decision does not stand any more; the one before it, if any, stands again."""
    decision.revoked_by, decision.revoked_at = by, at
    session.add(decision)
    session.flush()
