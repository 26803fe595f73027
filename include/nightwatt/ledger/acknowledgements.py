"""What partners said about files sent, and which version of the acknowledged state counts.

Belongs here: the rows of `answers` and `acknowledged` and their changes. Does not belong here: reading answers and
working out the state (`delivery.salesforce`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nightwatt.ledger.models import Acknowledged, Answer, AnswerState, DeliveryState, Sending

OPEN = (AnswerState.AWAITED, AnswerState.REFUSED)
"""Files of which nobody knows what became of their rows."""


@dataclass(frozen=True)
class Expected:
    """A file with what is known of its answer."""

    sending: Sending
    answer: Answer


def expect(
    session: Session, sending: Sending, *, object_name: str, part: str, rows_path: str | None, mapping_sha256: str
) -> None:
    """Note that an answer to a file is awaited, inside the transaction that intends it."""
    session.add(
        Answer(
            sending_id=sending.id,
            delivery=sending.delivery,
            object_name=object_name,
            part=part,
            rows_path=rows_path,
            mapping_sha256=mapping_sha256,
            state=AnswerState.AWAITED,
        )
    )


def of_file(session: Session, delivery: str, file_name: str) -> Expected | None:
    """Return a file of a delivery by its name, the newest where a name was used twice."""
    found = session.execute(
        select(Sending, Answer)
        .join(Answer, Answer.sending_id == Sending.id)
        .where(Sending.delivery == delivery, Sending.file_name == file_name)
        .order_by(Sending.id.desc())
        .limit(1)
    ).first()
    return Expected(found[0], found[1]) if found else None


def still_open(session: Session, delivery: str, object_name: str | None = None) -> list[Expected]:
    """Return the files whose rows nobody knows about, oldest first; those not even tried to send left out."""
    question = (
        select(Sending, Answer)
        .join(Answer, Answer.sending_id == Sending.id)
        .where(Answer.delivery == delivery, Answer.state.in_(OPEN))
        .where((Sending.state == DeliveryState.DELIVERED) | Sending.renaming_at.is_not(None))
        .order_by(Sending.id)
    )
    if object_name is not None:
        question = question.where(Answer.object_name == object_name)
    return [Expected(sending, answer) for sending, answer in session.execute(question)]


def of_batch(session: Session, sending: Sending, object_name: str) -> list[Expected]:
    """Return the files of one object that went out with a file, from the same publication and business date."""
    found = session.execute(
        select(Sending, Answer)
        .join(Answer, Answer.sending_id == Sending.id)
        .where(Sending.delivery == sending.delivery, Answer.object_name == object_name)
        .where(Sending.publication_sequence == sending.publication_sequence)
        .where(Sending.business_date == sending.business_date)
        .order_by(Sending.id)
    )
    return [Expected(row, answer) for row, answer in found]


def answered(session: Session, delivery: str, object_name: str) -> list[Expected]:
    """Return the files of an object whose every row is accounted for, oldest first."""
    found = session.execute(
        select(Sending, Answer)
        .join(Answer, Answer.sending_id == Sending.id)
        .where(Answer.delivery == delivery, Answer.object_name == object_name)
        .where(Answer.state == AnswerState.ACKNOWLEDGED, Answer.answer_path.is_not(None))
        .order_by(Sending.id)
    )
    return [Expected(row, answer) for row, answer in found]


def current(session: Session, delivery: str, object_name: str) -> Acknowledged | None:
    """Return the version of an object's acknowledged state that counts."""
    return session.scalars(
        select(Acknowledged)
        .where(Acknowledged.delivery == delivery, Acknowledged.object_name == object_name)
        .order_by(Acknowledged.version.desc())
        .limit(1)
    ).one_or_none()


def switch(session: Session, row: Acknowledged) -> None:
    """Make a version the one that counts, inside the transaction that notes the answers it knows."""
    newest = session.scalar(
        select(func.max(Acknowledged.version)).where(
            Acknowledged.delivery == row.delivery, Acknowledged.object_name == row.object_name
        )
    )
    row.version = (newest or 0) + 1
    session.add(row)
    session.flush()


def note(
    session: Session,
    sending_id: int,
    state: AnswerState,
    at: datetime,
    counts: Mapping[str, int] | None = None,
    answer_path: str | None = None,
) -> None:
    """Note what was said about a file."""
    row = session.get_one(Answer, sending_id)
    row.state = state
    row.answered_at = at
    row.answer_path = answer_path
    if counts is not None:
        row.accepted, row.refused, row.unprocessed = counts["accepted"], counts["refused"], counts["unprocessed"]


def by_sending(session: Session, sending_ids: Sequence[int]) -> dict[int, Answer]:
    """Return the answers of sendings that await one."""
    found = session.scalars(select(Answer).where(Answer.sending_id.in_(sending_ids)))
    return {row.sending_id: row for row in found}
