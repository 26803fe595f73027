"""Questions and entries about loads: one reading of a receipt into the lake.

Belongs here: load rows, their reject summaries, and the watermark. Does not belong here: the rows loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from nightwatt.ledger.book import next_sequence
from nightwatt.ledger.models import Load, LoadState, Receipt, RejectSummary


@dataclass(frozen=True)
class RejectCount:
    """How many lines of a load were put aside for one reason."""

    code: str
    column: str | None
    lines: int
    first_line: int


@dataclass(frozen=True)
class Counted:
    """What some loads of a feed brought."""

    files: int  # read into the lake
    failed: int  # readings that failed
    rows_in: int
    rows_kept: int
    rows_rejected: int


def begin(session: Session, receipt_id: int, kind: str, lake_path: str, at: datetime) -> Load:
    """Enter a load that is about to be written and give it its number.

    Earlier loads of the receipt that never ended are closed as failed: their writer is gone.
    """
    session.execute(
        update(Load)
        .where(Load.receipt_id == receipt_id, Load.state == LoadState.WRITING)
        .values(state=LoadState.FAILED, ended_at=at)
    )
    sequence = next_sequence(session)
    load = Load(
        sequence=sequence,
        receipt_id=receipt_id,
        kind=kind,
        state=LoadState.WRITING,
        lake_path=lake_path.format(sequence=sequence),
        started_at=at,
    )
    session.add(load)
    session.flush()
    return load


def finish(
    session: Session,
    load: Load,
    state: LoadState,
    at: datetime,
    records_out: int | None,
    totals: dict[str, object] | None,
) -> None:
    """Close a load."""
    session.execute(
        update(Load)
        .where(Load.sequence == load.sequence)
        .values(state=state, ended_at=at, records_out=records_out, totals=totals)
    )


def note_rejects(session: Session, load: Load, counts: Sequence[RejectCount]) -> None:
    """Enter how many lines were put aside; they replace what earlier loads of the receipt left open."""
    session.execute(update(RejectSummary).where(RejectSummary.receipt_id == load.receipt_id).values(open_lines=0))
    for c in counts:
        session.add(
            RejectSummary(
                receipt_id=load.receipt_id,
                load_sequence=load.sequence,
                code=c.code,
                column_name=c.column,
                lines=c.lines,
                first_line=c.first_line,
                open_lines=c.lines,
            )
        )


def done(session: Session, feeds: Sequence[str]) -> list[tuple[Load, Receipt]]:
    """Return the finished loads of some feeds with their receipts, in sequence."""
    rows = session.execute(
        select(Load, Receipt)
        .join(Receipt, Receipt.id == Load.receipt_id)
        .where(Load.state == LoadState.DONE, Receipt.feed.in_(feeds))
        .order_by(Load.sequence)
    )
    return [(load, receipt) for load, receipt in rows]


def counted_since(session: Session, feed: str, sequence: int) -> Counted:
    """Return what the readings of a feed's files have brought that came after a number of the sequence."""
    is_done = case((Load.state == LoadState.DONE, 1))
    row = session.execute(
        select(
            func.count(is_done),
            func.count(case((Load.state == LoadState.FAILED, 1))),
            func.sum(is_done * Receipt.rows_in),
            func.sum(is_done * Receipt.rows_kept),
            func.sum(is_done * Receipt.rows_rejected),
        )
        .select_from(Load)
        .join(Receipt, Receipt.id == Load.receipt_id)
        .where(Receipt.feed == feed, Load.sequence > sequence, Load.kind == "intake")
    ).one()
    return Counted(*(int(number or 0) for number in row))


def failed(session: Session, receipt_id: int) -> list[int]:
    """Return the numbers of a receipt's loads that failed or were killed."""
    return list(
        session.scalars(select(Load.sequence).where(Load.receipt_id == receipt_id, Load.state == LoadState.FAILED))
    )


def latest(session: Session, receipt_id: int) -> Load | None:
    """Return the newest finished load of a receipt; the newest failed one where none ever finished."""
    return session.scalars(
        select(Load)
        .where(Load.receipt_id == receipt_id, Load.state != LoadState.WRITING)
        .order_by((Load.state == LoadState.DONE).desc(), Load.sequence.desc())
        .limit(1)
    ).first()


def set_store_version(session: Session, sequences: Sequence[int], version: int) -> None:
    """Note which reads store version took some loads in."""
    session.execute(update(Load).where(Load.sequence.in_(sequences)).values(store_version=version))


def watermark(session: Session, feeds: Sequence[str], store_version: int | None = None) -> int:
    """Return the newest load of some feeds up to which all of them are settled; 0 if there is none.

    Settled: ended, and, when a store version is given, merged into it. Whoever remembers "I have seen
    everything up to here" must remember this number and look no further: a load that is still being
    written has a lower number than one that overtook it, and would otherwise never be seen.
    """
    of_feeds = select(Load.sequence).join(Receipt, Receipt.id == Load.receipt_id).where(Receipt.feed.in_(feeds))
    is_open = Load.state == LoadState.WRITING
    if store_version is not None:
        is_outside = Load.store_version.is_(None) | (Load.store_version > store_version)
        is_open |= (Load.state == LoadState.DONE) & is_outside
    settled = of_feeds.where(Load.state == LoadState.DONE)
    first_open = session.scalar(of_feeds.where(is_open).order_by(Load.sequence).limit(1))
    if first_open is not None:
        settled = settled.where(Load.sequence < first_open)
    return session.scalar(settled.order_by(Load.sequence.desc()).limit(1)) or 0


def open_rejects(
    session: Session, feed: str | None = None, business_date: date | None = None
) -> list[tuple[Receipt, RejectSummary]]:
    """Return reject summaries that still have open lines, with their receipts; superseded files left out."""
    query = (
        select(Receipt, RejectSummary)
        .join(RejectSummary, RejectSummary.receipt_id == Receipt.id)
        .where(RejectSummary.open_lines > 0, Receipt.superseded_by_id.is_(None))
        .order_by(Receipt.id, RejectSummary.open_lines.desc())
    )
    if feed:
        query = query.where(Receipt.feed == feed)
    if business_date:
        query = query.where(Receipt.business_date == business_date)
    return [(receipt, summary) for receipt, summary in session.execute(query)]
