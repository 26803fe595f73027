"""Questions about a population: what its partner has of it, where it stands, and who let it go to production.

A population is what one delivery carries. Belongs here: what follows from rows of `deliveries` and `approvals`, and
adding a decision. Does not belong here: which rows a file takes (`delivery.phases`) or which folder it goes to.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from nightwatt.ledger.models import Approval, Decision, DeliveryState, PhaseKind, Sending, SendingRole


class PopulationState(StrEnum):
    """How far a population is on its way from the first sample to production."""

    NONE = "none"  # nothing was sent
    SAMPLE = "sample"  # samples only
    FULL = "full"  # the history was sent, nothing after it
    REVIEW = "review"  # incrementals go to the review folder
    APPROVED = "approved"  # incrementals go to production


def last_counted(session: Session, delivery: str) -> Sending | None:
    """Return the sending that the next incremental begins after, sent or waiting to be.

    What waits goes before anything newer, so it counts like what is sent. Samples never count. A full history starts
    over: what was sent before it does not count any more, even where a publication rolled back since had newer loads.
    """
    return _last(session, delivery)


def state_of(session: Session, delivery: str) -> PopulationState:
    """Return where a population stands, by what was delivered and by the newest decision."""
    if approval_in_force(session, delivery) is not None:
        return PopulationState.APPROVED
    last = _last(session, delivery, Sending.state == DeliveryState.DELIVERED)
    if last is not None:
        return PopulationState.FULL if last.phase == PhaseKind.FULL else PopulationState.REVIEW
    sampled = select(Sending.id).where(Sending.delivery == delivery, Sending.state == DeliveryState.DELIVERED).limit(1)
    return PopulationState.NONE if session.scalar(sampled) is None else PopulationState.SAMPLE


def approval_in_force(session: Session, delivery: str) -> Approval | None:
    """Return the approval by which incrementals go to production: the newest decision, unless a full came after it."""
    newest = session.scalars(
        select(Approval).where(Approval.delivery == delivery).order_by(Approval.id.desc()).limit(1)
    ).first()
    if newest is None or newest.decision != Decision.APPROVED:
        return None
    full = _last_full_id(session, delivery)  # one that waits to be sent, too: what follows it is not for production
    return newest if full is None or full < newest.sending_id else None


def for_review(session: Session, delivery: str) -> Sequence[Sending]:
    """Return the incrementals of the present history that went to the review folder, newest first."""
    full = _last_full_id(session, delivery)
    question = select(Sending).where(
        Sending.delivery == delivery,
        Sending.state == DeliveryState.DELIVERED,
        Sending.phase == PhaseKind.INCREMENTAL,
        Sending.role == SendingRole.DATA,
        Sending.approval_id.is_(None),
    )
    if full is not None:
        question = question.where(Sending.id > full)
    return session.scalars(question.order_by(Sending.id.desc())).all()


def decide(
    session: Session, sending: Sending, decision: Decision, *, by: str, at: datetime, note: str | None = None
) -> Approval:
    """Write a person's decision about the population of the file looked at."""
    row = Approval(
        delivery=sending.delivery,
        sending_id=sending.id,
        content_sha256=sending.content_sha256,
        decision=decision,
        decided_by=by,
        decided_at=at,
        note=note,
    )
    session.add(row)
    session.flush()
    return row


def decisions(session: Session, delivery: str) -> Sequence[Approval]:
    """Return every decision about a population, oldest first."""
    return session.scalars(select(Approval).where(Approval.delivery == delivery).order_by(Approval.id)).all()


def approvers(session: Session, approval_ids: Sequence[int]) -> dict[int, str]:
    """Return who decided, by approval."""
    rows = session.execute(select(Approval.id, Approval.decided_by).where(Approval.id.in_(approval_ids)))
    return {number: name for number, name in rows}


def _last(session: Session, delivery: str, *which: ColumnElement[bool]) -> Sending | None:
    """Return the last full history, or what came after it."""
    full = _last_full_id(session, delivery, *which)
    question = select(Sending).where(
        Sending.delivery == delivery,
        Sending.role == SendingRole.DATA,
        Sending.phase != PhaseKind.SAMPLE,
        *which,
    )
    if full is not None:
        question = question.where(Sending.id >= full)
    return session.scalars(question.order_by(Sending.through_sequence.desc(), Sending.id.desc()).limit(1)).first()


def _last_full_id(session: Session, delivery: str, *which: ColumnElement[bool]) -> int | None:
    """Return the last file of the newest full history; a split one has several."""
    full = (Sending.delivery == delivery, Sending.phase == PhaseKind.FULL, *which)
    return session.scalar(select(func.max(Sending.id)).where(*full))
