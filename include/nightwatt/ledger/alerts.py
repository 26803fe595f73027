"""Alerts in the ledger: the condition one is about, and the rows from opening to closing.

Belongs here: `Condition`, and writing and finding alerts. Does not belong here: which conditions there are and what
becomes of an alert (`alerting`), and messages about them (`notices.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, func, or_, select, true
from sqlalchemy.orm import Session

from nightwatt.errors import TerminalError
from nightwatt.ledger.models import Alert, AlertState, Severity

_SETTLING = 5_051_746  # any number, the same in every process


@dataclass(frozen=True)
class Condition:
    """One thing that is wrong now.

    Args:
        topic: what about the subject is wrong, e.g. `arrival`; while it is wrong, the code may get worse.
        code: stable dotted code, e.g. `feed.late`.
        subject: feed, domain, delivery, source or service.
        business_date: the night it is about, where it is about one.
        cause: what is behind it; conditions of one cause and night go out in one message.
        severity: how loud.
        message: what is wrong, in one sentence without the present time in it: it changes only when the matter does.
        remedy: what to do, as an instruction.
        runbook: page below docs/runbooks, without its ending.
        domain: the chain of the night it belongs to, where it belongs to one.
        evidence: names and numbers, JSON-ready; never row values.
    """

    topic: str
    code: str
    subject: str
    business_date: date | None
    cause: str
    severity: Severity
    message: str
    remedy: str
    runbook: str
    domain: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What makes it the same condition at the next look."""
        return f"{self.topic}:{self.subject}:{self.business_date or '-'}"


def hold_for_settling(session: Session) -> None:
    """Keep every other look waiting until this transaction ends.

    Facts must be read after this: what two looks side by side conclude is then told by the one that knew more.
    SQLite lets one transaction write at a time anyway.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(func.pg_advisory_xact_lock(_SETTLING)))


def standing(session: Session) -> Sequence[Alert]:
    """Return the alerts that are not closed, oldest first."""
    return session.scalars(select(Alert).where(Alert.open_key.is_not(None)).order_by(Alert.id)).all()


def of_dates(session: Session, dates: Sequence[date | None], *, since: datetime | None = None) -> Sequence[Alert]:
    """Return alerts of some nights, closed ones too, oldest first; those of no night where None is among them.

    Args:
        session: the ledger.
        dates: the nights.
        since: of those of no night, only what was open after this.
    """
    dated = Alert.business_date.in_([d for d in dates if d])
    if None not in dates:
        return session.scalars(select(Alert).where(dated).order_by(Alert.id)).all()
    recent = true() if since is None else or_(Alert.open_key.is_not(None), Alert.closed_at >= since)
    undated = and_(Alert.business_date.is_(None), recent)
    return session.scalars(select(Alert).where(or_(dated, undated)).order_by(Alert.id)).all()


def of_causes(session: Session, causes: Collection[str], since: datetime) -> Sequence[Alert]:
    """Return the alerts of some causes that stand, or were closed lately, oldest first."""
    recent = or_(Alert.open_key.is_not(None), Alert.closed_at >= since)
    return session.scalars(select(Alert).where(Alert.cause.in_(causes), recent).order_by(Alert.id)).all()


def newest(session: Session, limit: int) -> Sequence[Alert]:
    """Return the newest alerts, closed ones too, newest first."""
    return session.scalars(select(Alert).order_by(Alert.id.desc()).limit(limit)).all()


def get(session: Session, alert_id: int) -> Alert:
    """Return an alert by number.

    Raises:
        TerminalError: `alert.unknown`.
    """
    row = session.get(Alert, alert_id)
    if row is None:
        raise TerminalError("alert.unknown", f"there is no alert {alert_id}", "`nightwatt status` shows them")
    return row


def raise_alert(session: Session, condition: Condition, at: datetime, by: str) -> Alert:
    """Open an alert about a condition."""
    row = Alert(
        open_key=condition.key,
        topic=condition.topic,
        subject=condition.subject,
        business_date=condition.business_date,
        state=AlertState.OPEN,
        opened_at=at,
        updated_at=at,
        seen_at=at,
        escalations=0,
        reported_by=by,
    )
    _say(row, condition)
    session.add(row)
    session.flush()
    return row


def see_again(row: Alert, condition: Condition, at: datetime) -> None:
    """Note that a condition is still there, and what it is now; one that got worse is nobody's any more.

    Its cause stays the one it opened with: who was told that a file is late and a deadline broken is told once that
    both are over, though the deadline waited for a slow build in the end.
    """
    row.seen_at = at
    is_worse = condition.severity.rank > Severity(row.severity).rank
    if _say(row, replace(condition, cause=row.cause)):
        row.updated_at = at
    if is_worse:
        row.state, row.escalated_at, row.escalations = AlertState.OPEN, at, row.escalations + 1


def close(row: Alert, at: datetime) -> None:
    """Close an alert whose condition is gone."""
    row.open_key, row.state, row.closed_at = None, AlertState.CLOSED, at


def acknowledge(session: Session, alert_id: int, by: str, note: str | None, at: datetime) -> Alert:
    """Note who has an alert in hand; a second person takes it over.

    Raises:
        TerminalError: `alert.unknown`; `alert.closed`.
    """
    row = get(session, alert_id)
    if row.state == AlertState.CLOSED:
        raise TerminalError(
            "alert.closed", f"alert {alert_id} is closed: its condition is gone", "there is nothing to acknowledge"
        )
    row.state, row.acknowledged_at, row.acknowledged_by, row.note = AlertState.ACKNOWLEDGED, at, by, note
    return row


def _say(row: Alert, condition: Condition) -> bool:
    """Take over what a condition says; return whether that was news."""
    said: dict[str, Any] = {
        "code": condition.code,
        "domain": condition.domain,
        "cause": condition.cause,
        "severity": str(condition.severity),
        "message": condition.message,
        "remedy": condition.remedy,
        "runbook": condition.runbook,
        "evidence": dict(condition.evidence),
    }
    is_news = any(getattr(row, name) != value for name, value in said.items())
    for name, value in said.items():
        if getattr(row, name) != value:
            setattr(row, name, value)
    return is_news
