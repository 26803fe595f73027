"""Circuit breakers: which sources are left alone for a while, agreed between all processes.

Belongs here: the entries, and that of several processes one gets the try. Does not belong here: visiting a source
(arrival), and telling people (alerting).

    closed ──3 failed visits in a row──> open ──time is up, one process──> half open ──it answered──> closed
                                           ^──────────────── it did not ───────────┘      (failures are forgotten
                                                                                           once a visit went well)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from nightwatt.ledger.book import Ledger
from nightwatt.ledger.models import Breaker, BreakerState

OPENS_AFTER = 3
FIRST_PAUSE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(minutes=60)
TRY_TAKES = timedelta(minutes=5)
"""How long a try may take; after that its process counts as killed, and the next may try. A process of this machine is
known to be alive by the lock it holds meanwhile."""


@dataclass(frozen=True)
class Permit:
    """Whether a source may be asked now; `is_try`: as the one that finds out whether it is back."""

    may_ask: bool
    is_try: bool = False
    is_tried_now: bool = False  # by another
    retry_at: datetime | None = None
    failures: int = 0
    error: str | None = None


def pause(failures: int) -> timedelta:
    """Return how long a source is left alone after so many failures in a row: 5 minutes, doubling, at most an hour."""
    doublings = min(max(failures - OPENS_AFTER, 0), 10)
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)


def all_of(session: Session) -> Sequence[Breaker]:
    """Return every source that ever failed, by name."""
    return session.scalars(select(Breaker).order_by(Breaker.source)).all()


def ask(ledger: Ledger, source: str, visitor: str, is_alone: Callable[[], bool] = lambda: True) -> Permit:
    """Ask whether a source may be visited. While it is left alone nobody may, but one once the time is up.

    Args:
        ledger: the book; its clock is the clock.
        source: the source, as `kind:connection`.
        visitor: a name of this visit that no other has.
        is_alone: called before the try is taken; False where the process that has it is known to be alive, however
            long it takes.
    """
    with ledger.read() as session:
        row = session.get(Breaker, source)
    if row is None or row.state == BreakerState.CLOSED:
        return Permit(may_ask=True)
    now = ledger.clock()
    if row.retry_at is not None and row.retry_at <= now:
        if not is_alone():
            return Permit(False, is_tried_now=True, retry_at=row.retry_at, failures=row.failures, error=row.error)
        if _takes_the_try(ledger, source, visitor, now):
            return Permit(may_ask=True, is_try=True, failures=row.failures, error=row.error)
    with ledger.read() as session:
        row = session.get(Breaker, source, populate_existing=True)
    assert row is not None  # noqa: S101  (entries are never removed)
    if row.state == BreakerState.CLOSED:
        return Permit(may_ask=True)
    is_tried_now = row.state == BreakerState.HALF_OPEN
    return Permit(False, is_tried_now=is_tried_now, retry_at=row.retry_at, failures=row.failures, error=row.error)


def _takes_the_try(ledger: Ledger, source: str, visitor: str, now: datetime) -> bool:
    """Take the one try: of several that ask at once, the database lets one change the row and the others find it so."""
    with ledger.write() as session:
        taken = session.execute(
            update(Breaker)
            .where(Breaker.source == source, Breaker.state != BreakerState.CLOSED, Breaker.retry_at <= now)
            .values(state=BreakerState.HALF_OPEN, retry_at=now + TRY_TAKES, tried_by=visitor, updated_at=now)
            .returning(Breaker.source)
        )
        return taken.scalar_one_or_none() is not None


def end_pause(ledger: Ledger, source: str) -> None:
    """Let the next that asks have the try, whatever is left of the pause; a person knows that the source is back."""
    now = ledger.clock()
    with ledger.write() as session:
        session.execute(
            update(Breaker)
            .where(Breaker.source == source, Breaker.state == BreakerState.OPEN, Breaker.retry_at > now)
            .values(retry_at=now, updated_at=now)
        )


def answered(ledger: Ledger, source: str, visitor: str) -> None:
    """End a try that the source answered: others may visit it too. Its failures count until a visit went well."""
    _end_try(ledger, source, visitor, BreakerState.CLOSED, None)


def took_no_answer(ledger: Ledger, source: str, visitor: str) -> None:
    """Give a try back that ended before the source was asked; the next may have it at once."""
    _end_try(ledger, source, visitor, BreakerState.OPEN, ledger.clock())


def _end_try(ledger: Ledger, source: str, visitor: str, state: BreakerState, retry_at: datetime | None) -> None:
    with ledger.write() as session:
        session.execute(
            update(Breaker)
            .where(Breaker.source == source, Breaker.tried_by == visitor, Breaker.state == BreakerState.HALF_OPEN)
            .values(state=state, retry_at=retry_at, tried_by=None, updated_at=ledger.clock())
        )


def went_well(ledger: Ledger, source: str) -> None:
    """Forget the failures of a source: a whole visit went well. Writes nothing where there are none."""
    with ledger.read() as session:
        row = session.get(Breaker, source)
    if row is None or (row.state == BreakerState.CLOSED and not row.failures):
        return
    values = {
        "state": BreakerState.CLOSED, "failures": 0, "opened_at": None, "retry_at": None, "error": None,
        "tried_by": None, "updated_at": ledger.clock(),
    }  # fmt: skip
    with ledger.write() as session:
        session.execute(update(Breaker).where(Breaker.source == source).values(values))


def failed(ledger: Ledger, source: str, visitor: str, error: str) -> Breaker:
    """Count a failed visit; the third in a row, or a failed try, leaves the source alone for a while.

    A visit that began before the source was left alone changes nothing about when it is tried next.
    """
    try:
        return _failed(ledger, source, visitor, error)
    except IntegrityError:  # two first failures at once: now there is an entry
        return _failed(ledger, source, visitor, error)


def _failed(ledger: Ledger, source: str, visitor: str, error: str) -> Breaker:
    now = ledger.clock()
    with ledger.write() as session:
        row = session.get(Breaker, source, with_for_update=True)
        if row is None:
            row = Breaker(source=source, state=BreakerState.CLOSED, failures=0)
            session.add(row)
        row.error, row.updated_at = error, now
        is_try = row.state == BreakerState.HALF_OPEN and row.tried_by == visitor
        if is_try or row.state == BreakerState.CLOSED:
            row.failures += 1
            if row.failures >= OPENS_AFTER:
                row.state, row.tried_by, row.retry_at = BreakerState.OPEN, None, now + pause(row.failures)
                row.opened_at = row.opened_at or now
        session.flush()
    return row
