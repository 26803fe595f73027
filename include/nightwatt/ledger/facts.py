"""What the ledger knows of a night, and of the house, in a handful of questions: what conditions are judged by.

Belongs here: reading rows, for all nights asked for at once. Does not belong here: any judgement (`alerting`).

A look comes every minute and the ledger keeps years, so every question here is by night, by key, or about newest rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from nightwatt.calendar import business_date, day_bounds
from nightwatt.ledger.models import (
    Alert,
    Breaker,
    BreakerState,
    Check,
    DeliveryState,
    Extraction,
    Heartbeat,
    Look,
    NightDecision,
    Notice,
    NoticeState,
    PhaseKind,
    Publication,
    PublicationState,
    Receipt,
    Run,
    RunState,
    Sending,
)
from nightwatt.ledger.night import standing_publications

Row = TypeVar("Row")


@dataclass(frozen=True)
class NightBook:
    """One business date as the ledger has it now."""

    business_date: date
    receipts: Mapping[str, Sequence[Receipt]] = field(default_factory=dict)  # by feed; superseded ones left out
    looks: Mapping[str, Look] = field(default_factory=dict)  # by feed
    decisions: Mapping[str, NightDecision] = field(default_factory=dict)  # by feed; the one that counts
    runs: Sequence[Run] = ()  # of its stages, oldest first
    failed: Sequence[Check] = ()  # the newest result of each check and subject, where it did not pass
    publications: Sequence[Publication] = ()  # tried for this date, and published for later ones; by number
    sendings: Mapping[str, Sequence[Sending]] = field(default_factory=dict)  # by delivery
    sent_through: Mapping[str, date] = field(default_factory=dict)  # newest date a delivery's incremental went out for


@dataclass(frozen=True)
class GivenUp:
    """A channel whose last message could not be sent."""

    channel: str
    at: datetime
    error: str


@dataclass(frozen=True)
class House:
    """What is true whatever the night."""

    since: date | None = None  # local date of the first thing that ever happened here; None: nothing ever did
    standing: Mapping[str, Publication] = field(default_factory=dict)  # what readers see, by domain
    breakers: Sequence[Breaker] = ()  # of sources that are left alone for a while
    hearts: Mapping[str, Heartbeat] = field(default_factory=dict)
    channels: Sequence[GivenUp] = ()
    fresh: Mapping[str, datetime] = field(default_factory=dict)  # newest news of feeds in near real time
    open_keys: frozenset[str] = frozenset()  # of alerts that stand


def night_books(session: Session, dates: Sequence[date], zone: ZoneInfo) -> dict[date, NightBook]:
    """Return what the ledger knows of some nights."""
    wanted = sorted(set(dates))
    receipts = _by_date(
        session.scalars(
            select(Receipt)
            .where(Receipt.business_date.in_(wanted), Receipt.superseded_by_id.is_(None))
            .order_by(Receipt.id)
        )
    )
    looks = _by_date(session.scalars(select(Look).where(Look.business_date.in_(wanted)).order_by(Look.feed)))
    decisions = _by_date(
        session.scalars(
            select(NightDecision)
            .where(NightDecision.business_date.in_(wanted), NightDecision.revoked_at.is_(None))
            .order_by(NightDecision.id)
        )
    )
    sendings = _by_date(session.scalars(select(Sending).where(Sending.business_date.in_(wanted)).order_by(Sending.id)))
    runs, failed = _runs(session, wanted, zone), _failed(session, wanted)
    published = _publications(session, wanted)
    sent_through = _sent_through(session)
    return {
        day: NightBook(
            business_date=day,
            receipts=dict(_grouped(receipts[day], "feed")),
            looks={look.feed: look for look in looks[day]},
            decisions={decision.feed: decision for decision in decisions[day]},
            runs=runs[day],
            failed=failed[day],
            publications=[p for p in published if _concerns(p, day)],
            sendings=dict(_grouped(sendings[day], "delivery")),
            sent_through=sent_through,
        )
        for day in wanted
    }


def house(
    session: Session, zone: ZoneInfo, near_real_time: Sequence[str] = (), channels: Sequence[str] | None = None
) -> House:
    """Return what the ledger knows whatever the night.

    Args:
        session: the ledger.
        zone: the utility's.
        near_real_time: feeds that come all day.
        channels: those that are declared; of others it does not matter whether they let anything through.
    """
    return House(
        since=began(session, zone),
        standing={p.domain: p for p in standing_publications(session)},
        breakers=session.scalars(
            select(Breaker).where(Breaker.state != BreakerState.CLOSED).order_by(Breaker.source)
        ).all(),
        hearts={h.name: h for h in session.scalars(select(Heartbeat).order_by(Heartbeat.name))},
        channels=[c for c in _given_up(session) if channels is None or c.channel in channels],
        fresh=_fresh(session, near_real_time) if near_real_time else {},
        open_keys=frozenset(k for k in session.scalars(select(Alert.open_key).where(Alert.open_key.is_not(None))) if k),
    )


def open_dates(session: Session) -> list[date]:
    """Return the nights of alerts that stand."""
    found = session.scalars(select(Alert.business_date).where(Alert.open_key.is_not(None)).distinct())
    return [day for day in found if day]


def _runs(session: Session, dates: Sequence[date], zone: ZoneInfo) -> dict[date, list[Run]]:
    """Return the runs of each night; one that names none (a merge) belongs to the local day on which it began."""
    spans = [day_bounds(day, zone) for day in dates]
    undated = [Run.business_date.is_(None) & (Run.started_at >= start) & (Run.started_at < end) for start, end in spans]
    rows = session.scalars(select(Run).where(or_(Run.business_date.in_(dates), *undated)).order_by(Run.id))
    found: dict[date, list[Run]] = defaultdict(list)
    for row in rows:
        found[row.business_date or business_date(row.started_at, zone)].append(row)
    return found


def _failed(session: Session, dates: Sequence[date]) -> dict[date, list[Check]]:
    newest = (
        select(func.max(Check.id))
        .where(Check.business_date.in_(dates))
        .group_by(Check.business_date, Check.code, Check.subject)
    )
    rows = session.scalars(select(Check).where(Check.id.in_(newest)).order_by(Check.id)).all()
    verdicts = {(r.business_date, r.subject): r.at for r in rows if r.code == "publish.verdict"}
    return _by_date(row for row in rows if not row.passed and not _is_outdated(row, verdicts))


def _is_outdated(check: Check, verdicts: Mapping[tuple[date | None, str], datetime]) -> bool:
    """Whether a reconciliation has been tried again since: one that adds up leaves no row of its own.

    A publication writes its results down together with its verdict.
    """
    judged = verdicts.get((check.business_date, str(check.evidence.get("domain"))))
    return check.code.startswith("reconcile.") and judged is not None and judged > check.at


def _publications(session: Session, dates: Sequence[date]) -> Sequence[Publication]:
    if not dates:
        return []
    tried = Publication.as_of.in_(dates)
    later = (Publication.as_of > min(dates)) & (Publication.state == PublicationState.PUBLISHED)
    return session.scalars(select(Publication).where(tried | later).order_by(Publication.sequence)).all()


def _concerns(publication: Publication, day: date) -> bool:
    return publication.as_of == day or (publication.as_of > day and publication.state == PublicationState.PUBLISHED)


def _sent_through(session: Session) -> dict[str, date]:
    rows = session.execute(
        select(Sending.delivery, func.max(Sending.business_date))
        .where(Sending.state == DeliveryState.DELIVERED, Sending.phase == PhaseKind.INCREMENTAL)
        .group_by(Sending.delivery)
    )
    return {delivery: day for delivery, day in rows}


def began(session: Session, zone: ZoneInfo) -> date | None:
    """Return the date on which anything first happened in this house."""
    first = [
        session.scalar(select(Run.started_at).order_by(Run.id).limit(1)),
        session.scalar(select(Receipt.arrived_at).order_by(Receipt.id).limit(1)),
        session.scalar(select(Look.first_at).order_by(Look.first_at).limit(1)),
    ]
    known = [instant for instant in first if instant]
    return business_date(min(known), zone) if known else None


def _given_up(session: Session) -> list[GivenUp]:
    """Return the channels that gave a message up and have sent none since."""
    rows = session.execute(
        select(Notice.channel, func.max(Notice.claimed_at))
        .where(Notice.state == NoticeState.FAILED)
        .group_by(Notice.channel)
        .order_by(Notice.channel)
    )
    found = []
    for channel, at in rows:
        mine = Notice.channel == channel
        sent = session.scalar(select(func.max(Notice.sent_at)).where(mine, Notice.state == NoticeState.SENT))
        if at is None or (sent and sent >= at):
            continue
        error = session.scalar(
            select(Notice.error).where(mine, Notice.state == NoticeState.FAILED, Notice.claimed_at == at).limit(1)
        )
        found.append(GivenUp(channel, at, error or ""))
    return found


def _fresh(session: Session, feeds: Sequence[str]) -> dict[str, datetime]:
    """Return when each feed last brought something, or was asked and had nothing new."""
    came = session.execute(
        select(Receipt.feed, func.max(Receipt.arrived_at)).where(Receipt.feed.in_(feeds)).group_by(Receipt.feed)
    )
    asked = session.execute(
        select(Extraction.feed, func.max(Extraction.ended_at))
        .where(Extraction.feed.in_(feeds), Extraction.state == RunState.SUCCEEDED)
        .group_by(Extraction.feed)
    )
    newest: dict[str, datetime] = {}
    for feed, at in [*came, *asked]:
        if at is not None:
            newest[feed] = max(at, newest.get(feed, at))
    return newest


def _by_date(rows: Iterable[Row]) -> defaultdict[date, list[Row]]:
    return _grouped(rows, "business_date")


def _grouped(rows: Iterable[Row], by: str) -> defaultdict[Any, list[Row]]:
    found: defaultdict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[getattr(row, by)].append(row)
    return found
