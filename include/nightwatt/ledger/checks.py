"""Results of checks in the ledger: the record type, writing them down, and reading them back.

Belongs here: `CheckResult` and its rows. Does not belong here: the checks themselves (`checks/` and the
rooms that look at their own work).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from nightwatt.ledger.models import Check


@dataclass(frozen=True)
class CheckResult:
    """What one check found.

    Args:
        code: stable dotted code, e.g. ``feed.rows_below_minimum``.
        subject: the feed, table, file or delivery looked at.
        passed: whether it is as it should be.
        blocks: whether a failure stops the stage (a failed check that does not block is a warning).
        message: what was found, in one sentence a person can act on; never row values.
        evidence: the numbers behind it, JSON-ready; never row values.
        business_date: the night it is about, where it is about one.
    """

    code: str
    subject: str
    passed: bool
    blocks: bool
    message: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    business_date: date | None = None

    @property
    def stops(self) -> bool:
        """Whether this result stops the stage."""
        return self.blocks and not self.passed


@dataclass(frozen=True)
class Reporting:
    """How many service points of a commodity usually report, and how many of those did not on a day."""

    commodity: str
    usual: int
    silent: int


def record(
    session: Session,
    results: Iterable[CheckResult],
    business_date: date | None,
    at: datetime,
    run_id: int | None = None,
) -> list[Check]:
    """Write results down, inside the caller's transaction.

    Args:
        session: the transaction.
        results: what was found.
        business_date: the night, for results that do not name one themselves.
        at: now.
        run_id: the stage run that looked.
    """
    rows = [
        Check(
            run_id=run_id,
            code=r.code,
            subject=r.subject,
            business_date=r.business_date or business_date,
            passed=r.passed,
            blocks=r.blocks,
            message=r.message,
            evidence=dict(r.evidence),
            at=at,
        )
        for r in results
    ]
    session.add_all(rows)
    session.flush()
    return rows


def record_news(session: Session, results: Iterable[CheckResult], at: datetime) -> list[Check]:
    """Write down what is not known yet; one code about one subject and business date is written once.

    Args:
        session: the transaction.
        results: what was found; each names its business date.
        at: now.
    """
    news = []
    for r in results:
        question = select(Check.id).where(
            Check.code == r.code, Check.subject == r.subject, Check.business_date == r.business_date
        )
        if session.scalars(question.limit(1)).first() is None:
            news += record(session, [r], r.business_date, at)
    return news


def of_night(session: Session, business_date: date, *, failed_only: bool = False) -> Sequence[Check]:
    """Return the results of one business date in the order they were found."""
    query = select(Check).where(Check.business_date == business_date).order_by(Check.id)
    if failed_only:
        query = query.where(Check.passed.is_(False))
    return session.scalars(query).all()


def latest(session: Session, code: str, subject: str) -> Check | None:
    """Return the newest result of one check on one subject."""
    query = select(Check).where(Check.code == code, Check.subject == subject).order_by(Check.id.desc()).limit(1)
    return session.scalars(query).one_or_none()


def evidence_of(session: Session, code: str, subject: str, key: str) -> set[str]:
    """Return everything that results of one check on one subject have named before under a key of their evidence."""
    rows = session.scalars(select(Check).where(Check.code == code, Check.subject == subject))
    return {str(value) for row in rows for value in (row.evidence or {}).get(key, ())}
