"""Messages about alerts in the ledger, one row an alert and channel: planned, claimed, sent, given up, dropped.

Belongs here: the rows of `notices` and their changes of state. Does not belong here: what is worth saying (`alerting`).

A message is all rows with its number. Whoever claims it sends it; a claim that is old is taken over, because its holder
is dead: between "the channel took it" and "it is noted" a process may die, and then it goes out a second time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement

from nightwatt.ledger.models import Alert, Notice, NoticeKind, NoticeState, Severity

CLAIM_LASTS = timedelta(minutes=5)
"""How old a claim is when its holder counts as dead. Sending one message takes seconds."""


@dataclass(frozen=True)
class Planned:
    """One row of a message to be sent."""

    message_id: str
    channel: str
    kind: NoticeKind
    alert_id: int
    number: int
    severity: Severity
    due_at: datetime


def plan(session: Session, planned: Sequence[Planned]) -> None:
    """Write messages down that are to be sent."""
    session.add_all(
        Notice(
            message_id=p.message_id,
            channel=p.channel,
            kind=p.kind,
            alert_id=p.alert_id,
            number=p.number,
            severity=p.severity,
            due_at=p.due_at,
            state=NoticeState.PENDING,
            attempts=0,
        )
        for p in planned
    )
    session.flush()


def of_alerts(session: Session, alert_ids: Collection[int]) -> Sequence[Notice]:
    """Return everything said, or to be said, about some alerts."""
    return session.scalars(select(Notice).where(Notice.alert_id.in_(alert_ids)).order_by(Notice.id)).all()


def drop(session: Session, notice_ids: Collection[int]) -> None:
    """Leave unsaid what nobody is saying yet."""
    if notice_ids:
        session.execute(
            update(Notice)
            .where(Notice.id.in_(notice_ids), Notice.state == NoticeState.PENDING)
            .values(state=NoticeState.DROPPED)
        )


def due(session: Session, now: datetime) -> list[str]:
    """Return the numbers of the messages to be sent now, oldest first."""
    rows = session.execute(
        select(Notice.message_id).where(_is_free(now)).group_by(Notice.message_id).order_by(func.min(Notice.id))
    )
    return [message_id for (message_id,) in rows]


def claim(session: Session, message_id: str, by: str, now: datetime) -> list[tuple[Notice, Alert]]:
    """Take a message, so that nobody else sends it; nothing if somebody else has it, or it is done."""
    taken = session.execute(
        update(Notice)
        .where(Notice.message_id == message_id, _is_free(now))
        .values(state=NoticeState.SENDING, claimed_by=by, claimed_at=now, attempts=Notice.attempts + 1)
        .returning(Notice.id)
    ).scalars()
    ids = list(taken)
    if not ids:
        return []
    rows = session.execute(
        select(Notice, Alert).join(Alert, Alert.id == Notice.alert_id).where(Notice.id.in_(ids)).order_by(Notice.id)
    )
    return [(notice, alert) for notice, alert in rows]


def settle(
    session: Session, notice_ids: Collection[int], state: NoticeState, at: datetime, *, error: str | None = None
) -> None:
    """Note what became of a claimed message: sent, to be tried again at an instant, given up, or not worth saying."""
    values: dict[str, object] = {"state": state, "error": error}
    if state == NoticeState.SENT:
        values["sent_at"] = at
    if state == NoticeState.PENDING:
        values |= {"due_at": at, "claimed_by": None}
    session.execute(
        update(Notice).where(Notice.id.in_(notice_ids), Notice.state == NoticeState.SENDING).values(**values)
    )


def forgive(session: Session, channel: str) -> None:
    """Let a channel count as working again; what it gave up stays unsaid."""
    session.execute(
        update(Notice)
        .where(Notice.channel == channel, Notice.state == NoticeState.FAILED)
        .values(state=NoticeState.DROPPED)
    )


def newest(session: Session, limit: int) -> Sequence[Notice]:
    """Return the newest notices, newest first."""
    return session.scalars(select(Notice).order_by(Notice.id.desc()).limit(limit)).all()


def _is_free(now: datetime) -> ColumnElement[bool]:
    waiting = and_(Notice.state == NoticeState.PENDING, Notice.due_at <= now)
    abandoned = and_(Notice.state == NoticeState.SENDING, Notice.claimed_at <= now - CLAIM_LASTS)
    return or_(waiting, abandoned)
