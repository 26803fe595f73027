"""Questions and entries about receipts: one row for each content that arrived.

Belongs here: finding receipts, entering one, supersession. Does not belong here: judging files (arrival) or rows
(intake, checks), and what completeness asks of past nights (`night_facts.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from nightwatt.errors import TerminalError
from nightwatt.ledger.models import Receipt, ReceiptState

_NAMES_AT_ONCE = 500  # SQLite takes a bounded number of parameters


def get(session: Session, receipt_id: int) -> Receipt:
    """Return a receipt by its number.

    Raises:
        TerminalError: `receipt.unknown`.
    """
    found = session.get(Receipt, receipt_id)
    if found is None:
        raise TerminalError("receipt.unknown", f"there is no receipt {receipt_id}", "see `nightwatt receipts list`")
    return found


def find(session: Session, feed: str, business_date: date, content_sha256: str) -> Receipt | None:
    """Return the receipt of some bytes for a night, if there is one."""
    return session.scalars(
        select(Receipt).where(
            Receipt.feed == feed, Receipt.business_date == business_date, Receipt.content_sha256 == content_sha256
        )
    ).one_or_none()


def find_all(session: Session, feed: str | None = None, business_date: date | None = None) -> list[Receipt]:
    """Return receipts in the order they were made, superseded ones too."""
    question = select(Receipt).order_by(Receipt.id)
    if feed is not None:
        question = question.where(Receipt.feed == feed)
    if business_date is not None:
        question = question.where(Receipt.business_date == business_date)
    return list(session.scalars(question))


def by_feed_and_date(session: Session, feed: str, business_date: date) -> list[Receipt]:
    """Return the current receipts of a night: those that nothing superseded."""
    return [r for r in find_all(session, feed, business_date) if r.superseded_by_id is None]


def by_names(session: Session, feed: str, names: Collection[str]) -> list[Receipt]:
    """Return every receipt of a feed for files of these names, whatever the night."""
    wanted = sorted(names)
    found: list[Receipt] = []
    for start in range(0, len(wanted), _NAMES_AT_ONCE):
        some = wanted[start : start + _NAMES_AT_ONCE]
        found += session.scalars(select(Receipt).where(Receipt.feed == feed, Receipt.file_name.in_(some)))
    return sorted(found, key=lambda r: r.id)


def current_named(session: Session, feed: str, business_date: date, file_name: str) -> Receipt | None:
    """Return the receipt a file of this name would supersede, if any."""
    return session.scalars(
        select(Receipt)
        .where(
            Receipt.feed == feed,
            Receipt.business_date == business_date,
            Receipt.file_name == file_name,
            Receipt.superseded_by_id.is_(None),
        )
        .order_by(Receipt.id.desc())
        .limit(1)
    ).first()


def add(session: Session, receipt: Receipt) -> Receipt:
    """Enter a receipt; the one of the same name and night that was current is superseded by it.

    Both stay in the book, and so do both files.
    """
    earlier = current_named(session, receipt.feed, receipt.business_date, receipt.file_name)
    session.add(receipt)
    session.flush()
    if earlier is not None:
        supersede(session, earlier, receipt)
    return receipt


def supersede(session: Session, earlier: Receipt, newer: Receipt) -> None:
    """Note that one receipt takes the place of another."""
    newer.supersedes_id = earlier.id
    earlier.superseded_by_id = newer.id
    session.flush()


def due(session: Session, feed: str, *, include_held: bool = False) -> list[Receipt]:
    """Return the receipts of a feed that wait for intake, in the order they were made.

    A superseded receipt that was never read is among them: which of two files came before a load ran
    must not decide what the lake holds.

    Args:
        session: an open session.
        feed: the feed.
        include_held: also those on hold, if they are current and were readable when they arrived.
    """
    question = select(Receipt).where(Receipt.feed == feed).order_by(Receipt.id)
    waiting = Receipt.state == ReceiptState.LANDED
    if include_held:
        # Arrival leaves needs_cleaning empty where it could not read the bytes; reading them again is no use.
        held = Receipt.state == ReceiptState.HELD
        waiting |= held & Receipt.superseded_by_id.is_(None) & Receipt.needs_cleaning.is_not(None)
    return list(session.scalars(question.where(waiting)))


def mark_held(session: Session, receipt_id: int, message: str) -> None:
    """Put a receipt on hold and say why."""
    _set(session, [receipt_id], state=ReceiptState.HELD, message=message)


def mark_landed(session: Session, receipt_id: int) -> None:
    """Give a receipt back to intake."""
    _set(session, [receipt_id], state=ReceiptState.LANDED, message=None)


def set_complete(session: Session, feed: str, business_date: date, is_complete: bool) -> None:
    """Note the completeness rule's verdict on the current loaded receipts of a night."""
    current = [r.id for r in by_feed_and_date(session, feed, business_date) if r.state == ReceiptState.LOADED]
    _set(session, current, is_complete=is_complete)


def _set(session: Session, ids: Sequence[int], **values: object) -> None:
    if ids:
        session.execute(update(Receipt).where(Receipt.id.in_(ids)).values(**values))
