"""What the ops page asks of the ledger: one night across all tables, and thirty nights of one thing.

Belongs here: questions that return rows or counts, a handful for a page, none of them over the whole of a table.
Does not belong here: what the answers mean (`stages.board`) and how they look (the page).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import Session

from nightwatt.ledger.models import (
    Alert,
    AlertState,
    Answer,
    Breaker,
    Check,
    Heartbeat,
    Load,
    LoadState,
    Look,
    NightDecision,
    Notice,
    NoticeState,
    Publication,
    Receipt,
    RejectSummary,
    Run,
    Sending,
)

# --- one night -------------------------------------------------------------------------------------------


def receipts_of_night(session: Session, business_date: date) -> Sequence[Receipt]:
    """Return the current receipts of a business date, as they arrived."""
    return session.scalars(
        select(Receipt)
        .where(Receipt.business_date == business_date, Receipt.superseded_by_id.is_(None))
        .order_by(Receipt.arrived_at, Receipt.id)
    ).all()


def runs_of_night(session: Session, business_date: date, first: datetime, last: datetime) -> Sequence[Run]:
    """Return the stage runs for a business date, and those for no date that began between two instants."""
    undated = and_(Run.business_date.is_(None), Run.started_at >= first, Run.started_at < last)
    return session.scalars(
        select(Run).where(or_(Run.business_date == business_date, undated)).order_by(Run.started_at, Run.id)
    ).all()


def looks_of_night(session: Session, business_date: date) -> dict[str, Look]:
    """Return the newest look for each feed's files of a business date."""
    return {row.feed: row for row in session.scalars(select(Look).where(Look.business_date == business_date))}


def open_rejects_of_night(session: Session, business_date: date) -> dict[str, int]:
    """Return how many lines of each feed's files of a business date are put aside and not yet read again."""
    rows = session.execute(
        select(Receipt.feed, func.sum(RejectSummary.open_lines))
        .join(Receipt, Receipt.id == RejectSummary.receipt_id)
        .where(Receipt.business_date == business_date, Receipt.superseded_by_id.is_(None))
        .group_by(Receipt.feed)
    )
    return {feed: int(lines) for feed, lines in rows if lines}


def publications_of_night(session: Session, business_date: date) -> Sequence[Publication]:
    """Return every attempt to publish as of a business date, oldest first."""
    return session.scalars(
        select(Publication).where(Publication.as_of == business_date).order_by(Publication.sequence)
    ).all()


# --- alerts and signs of life ----------------------------------------------------------------------------


def closed_alerts(session: Session, limit: int) -> Sequence[Alert]:
    """Return what was wrong and is not any more, the newest first."""
    return session.scalars(
        select(Alert)
        .where(Alert.state == AlertState.CLOSED)
        .order_by(Alert.closed_at.desc(), Alert.id.desc())
        .limit(limit)
    ).all()


def notices_of(session: Session, alert_ids: Collection[int]) -> Sequence[Notice]:
    """Return the messages about some alerts that are worth telling of: sent, given up, or still to go."""
    return session.scalars(
        select(Notice).where(Notice.alert_id.in_(alert_ids), Notice.state != NoticeState.DROPPED).order_by(Notice.id)
    ).all()


def heartbeats(session: Session) -> Sequence[Heartbeat]:
    """Return the last sign of life of every process that gives one."""
    return session.scalars(select(Heartbeat).order_by(Heartbeat.name)).all()


def breakers(session: Session) -> Sequence[Breaker]:
    """Return where every source of files stands."""
    return session.scalars(select(Breaker).order_by(Breaker.source)).all()


# --- thirty nights of a feed ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class NightOfFeed:
    """One feed's files of one business date; superseded ones left out."""

    business_date: date
    files: int
    held: int
    arrived_at: datetime  # of the last file
    rows_in: int
    rows_kept: int
    rows_rejected: int
    incomplete: int  # files of a night that was found incomplete


def nights_of_feed(session: Session, feed: str, first: date, last: date) -> list[NightOfFeed]:
    """Return what came of a feed for the business dates between two, oldest first."""
    rows = session.execute(
        select(
            Receipt.business_date,
            func.count(),
            func.sum(case((Receipt.state == "held", 1), else_=0)),
            func.max(Receipt.arrived_at),
            func.coalesce(func.sum(Receipt.rows_in), 0),
            func.coalesce(func.sum(Receipt.rows_kept), 0),
            func.coalesce(func.sum(Receipt.rows_rejected), 0),
            func.sum(case((Receipt.is_complete.is_(False), 1), else_=0)),
        )
        .where(
            Receipt.feed == feed,
            Receipt.business_date.between(first, last),
            Receipt.superseded_by_id.is_(None),
        )
        .group_by(Receipt.business_date)
        .order_by(Receipt.business_date)
    )
    return [NightOfFeed(*values) for values in cast("Iterable[tuple[Any, ...]]", rows)]


def load_seconds(session: Session, feed: str, first: date, last: date) -> dict[date, float]:
    """Return how long the first reading of a feed's files took in all, by business date."""
    rows = session.execute(
        select(Receipt.business_date, Load.started_at, Load.ended_at)
        .join(Receipt, Receipt.id == Load.receipt_id)
        .where(
            Receipt.feed == feed,
            Receipt.business_date.between(first, last),
            Load.state == LoadState.DONE,
            Load.kind == "intake",
            Load.ended_at.is_not(None),
        )
    )
    spent: dict[date, float] = {}
    for day, started_at, ended_at in cast("Iterable[tuple[date, datetime, datetime]]", rows):
        spent[day] = spent.get(day, 0.0) + (ended_at - started_at).total_seconds()
    return spent


def receipts_of_feed(session: Session, feed: str, limit: int) -> Sequence[Receipt]:
    """Return the newest receipts of a feed, superseded ones too, newest first."""
    return session.scalars(select(Receipt).where(Receipt.feed == feed).order_by(Receipt.id.desc()).limit(limit)).all()


def decisions_of_feed(session: Session, feed: str, limit: int) -> Sequence[NightDecision]:
    """Return the newest decisions on a feed's nights, those taken back too."""
    return session.scalars(
        select(NightDecision).where(NightDecision.feed == feed).order_by(NightDecision.id.desc()).limit(limit)
    ).all()


@dataclass(frozen=True)
class RejectsOfFile:
    """How many lines of one file were put aside for one reason, and how many of them are not yet read again."""

    receipt_id: int
    file_name: str
    business_date: date
    load_sequence: int
    code: str
    column: str | None
    lines: int
    open_lines: int
    first_line: int


def rejects_of_feed(session: Session, feed: str, limit: int) -> list[RejectsOfFile]:
    """Return why lines of a feed's files are put aside, newest file first."""
    rows = session.execute(
        select(
            Receipt.id,
            Receipt.file_name,
            Receipt.business_date,
            RejectSummary.load_sequence,
            RejectSummary.code,
            RejectSummary.column_name,
            RejectSummary.lines,
            RejectSummary.open_lines,
            RejectSummary.first_line,
        )
        .join(Receipt, Receipt.id == RejectSummary.receipt_id)
        .where(Receipt.feed == feed)
        .order_by(Receipt.id.desc(), RejectSummary.open_lines.desc(), RejectSummary.code)
        .limit(limit)
    )
    return [RejectsOfFile(*row) for row in rows]


# --- a delivery, a domain ----------------------------------------------------------------------------------------


def sendings_between(session: Session, delivery: str, first: date, last: date) -> Sequence[Sending]:
    """Return what was sent, or is on its way, for the business dates between two, newest first."""
    return session.scalars(
        select(Sending)
        .where(Sending.delivery == delivery, Sending.business_date.between(first, last))
        .order_by(Sending.id.desc())
    ).all()


def answers_to(session: Session, sending_ids: Collection[int]) -> dict[int, Answer]:
    """Return what the partner said about some files."""
    rows = session.scalars(select(Answer).where(Answer.sending_id.in_(sending_ids)))
    return {row.sending_id: row for row in rows}


def findings_about(session: Session, subject: str, first: date) -> Sequence[Check]:
    """Return the checks about a subject that did not pass, of business dates from one on, newest first."""
    return session.scalars(
        select(Check)
        .where(Check.subject == subject, Check.passed.is_(False), Check.business_date >= first)
        .order_by(Check.id.desc())
    ).all()


def publications_of(session: Session, domain: str, limit: int) -> Sequence[Publication]:
    """Return the newest publications of a domain, refused ones too, newest first."""
    return session.scalars(
        select(Publication).where(Publication.domain == domain).order_by(Publication.sequence.desc()).limit(limit)
    ).all()


def newest_checks_like(session: Session, prefix: str, first: date) -> Sequence[Check]:
    """Return the newest result of each check whose code begins so, of business dates from one on, newest first."""
    newest = (
        select(func.max(Check.id))
        .where(Check.code.startswith(prefix, autoescape=True), Check.business_date >= first)
        .group_by(Check.code, Check.subject, Check.business_date)
    )
    return session.scalars(select(Check).where(Check.id.in_(newest)).order_by(Check.id.desc())).all()
