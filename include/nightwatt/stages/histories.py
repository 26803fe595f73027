"""Thirty nights of one thing: what the ops page shows of a feed, a delivery, or a domain.

Belongs here: reading the ledger and the published warehouse for one subject. Changes nothing. Does not belong here: the
present night (`board`), layout (the page), raw text of rejected lines (the terminal).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from nightwatt import warehouse
from nightwatt.calendar import day_bounds, days, wall_instant
from nightwatt.contracts.feed import Feed
from nightwatt.errors import TerminalError
from nightwatt.intake.rejects import REASONS, RejectPlace, reject_path, reject_places
from nightwatt.ledger import alerts, pages, receipts
from nightwatt.ledger.models import Answer, Check, NightDecision, Publication, PublicationState, Receipt, RunState
from nightwatt.ledger.pages import RejectsOfFile
from nightwatt.stages.board import AlertLine, SentLine, alert_line, safe_message, sent_line
from nightwatt.stages.building import DOMAINS
from nightwatt.stages.phasing import Population, population
from nightwatt.stages.platform import Platform
from nightwatt.warehouse.reconciliation import Comparison

NIGHTS = 30
_RECEIPTS = 31
_REJECTS = 500
_PLACES = 100


@dataclass(frozen=True)
class FeedNightLine:
    """One night of a feed; nothing came where `arrived_at` is None."""

    business_date: date
    expected_by: datetime
    late_at: datetime
    deadline: datetime
    arrived_at: datetime | None
    files: int
    held: int
    rows_in: int
    rows_kept: int
    rows_rejected: int
    is_complete: bool
    load_seconds: float | None


@dataclass(frozen=True)
class FeedHistory:
    """What the page about a feed shows besides its present night."""

    feed: Feed
    nights: tuple[FeedNightLine, ...]  # oldest first
    receipts: tuple[Receipt, ...]
    decisions: tuple[NightDecision, ...]
    findings: tuple[Check, ...]


def feed_history(platform: Platform, feed_name: str, last: date) -> FeedHistory:
    """Read thirty nights of a feed.

    Raises:
        TerminalError: `catalog.unknown_feed`, `catalog.feed_not_used`.
    """
    feed = platform.catalog.feed(feed_name)
    first = last - timedelta(days=NIGHTS - 1)
    with platform.ledger.read() as session:
        came = {n.business_date: n for n in pages.nights_of_feed(session, feed_name, first, last)}
        seconds = pages.load_seconds(session, feed_name, first, last)
        found = pages.findings_about(session, feed_name, first)
        return FeedHistory(
            feed=feed,
            nights=tuple(_night(platform, feed, day, came.get(day), seconds.get(day)) for day in days(first, last)),
            receipts=tuple(pages.receipts_of_feed(session, feed_name, _RECEIPTS)),
            decisions=tuple(pages.decisions_of_feed(session, feed_name, NIGHTS)),
            findings=tuple(_newest(found)),
        )


def _night(
    platform: Platform, feed: Feed, day: date, came: pages.NightOfFeed | None, seconds: float | None
) -> FeedNightLine:
    at = [
        wall_instant(day, wall, platform.settings.tz)
        for wall in (feed.deadlines.expected_by, feed.deadlines.late_at, feed.deadlines.deadline)
    ]
    if came is None:
        return FeedNightLine(day, at[0], at[1], at[2], None, 0, 0, 0, 0, 0, True, seconds)
    return FeedNightLine(
        business_date=day,
        expected_by=at[0],
        late_at=at[1],
        deadline=at[2],
        arrived_at=came.arrived_at,
        files=came.files,
        held=came.held,
        rows_in=came.rows_in,
        rows_kept=came.rows_kept,
        rows_rejected=came.rows_rejected,
        is_complete=not came.incomplete,
        load_seconds=seconds,
    )


def _newest(found: Iterable[Check]) -> Iterable[Check]:
    """Yield the newest finding of each code and night; they come newest first."""
    seen: set[tuple[str, date | None]] = set()
    for check in found:
        key = (check.code, check.business_date)
        if key not in seen:
            seen.add(key)
            yield check


# --- rejects ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RejectPlaces:
    """Where the rejected lines of one file stand: line, column and code, never the text."""

    receipt: Receipt
    places: tuple[RejectPlace, ...]
    page: int  # from 1
    pages: int
    total: int


@dataclass(frozen=True)
class FeedRejects:
    """What the browser of a feed's rejects shows."""

    feed: Feed
    files: tuple[RejectsOfFile, ...]
    shown: RejectPlaces | None
    reasons: Mapping[str, str]  # what a code means


def feed_rejects(platform: Platform, feed_name: str, receipt_id: int | None = None, page: int = 1) -> FeedRejects:
    """Read why lines of a feed were put aside, and of one file where they stand.

    Raises:
        TerminalError: `catalog.unknown_feed`; `receipt.unknown`, also where the receipt is another feed's.
    """
    feed = platform.catalog.feed(feed_name)
    with platform.ledger.read() as session:
        files = tuple(pages.rejects_of_feed(session, feed_name, _REJECTS))
        receipt = receipts.get(session, receipt_id) if receipt_id is not None else None
    if receipt is not None and receipt.feed != feed_name:
        raise TerminalError(
            "receipt.unknown",
            f"receipt {receipt_id} is not one of {feed_name}",
            "go there from the list of its rejects",
        )
    return FeedRejects(feed, files, _places(platform, receipt, files, page) if receipt else None, REASONS)


def _places(platform: Platform, receipt: Receipt, files: Sequence[RejectsOfFile], page: int) -> RejectPlaces:
    newest = max((f.load_sequence for f in files if f.receipt_id == receipt.id), default=0)
    path = reject_path(platform.settings, receipt.feed, newest)
    found, total = reject_places(path, (max(page, 1) - 1) * _PLACES, _PLACES)
    return RejectPlaces(receipt, tuple(found), max(page, 1), max(1, -(-total // _PLACES)), total)


# --- a delivery --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SentFile:
    """One file sent, with what the partner said about it."""

    business_date: date
    line: SentLine
    sha256: str
    attempts: int
    answer: Answer | None


@dataclass(frozen=True)
class DeliveryHistory:
    """What the page about a delivery shows besides its present night."""

    delivery: str
    title: str
    partner: str
    owner: str
    domain: str
    population: Population | None  # where files go through review first
    files: tuple[SentFile, ...]  # newest first
    nights: tuple[tuple[date, int, float | None], ...]  # rows, hours from midnight when delivered; oldest first
    findings: tuple[Check, ...]


def delivery_history(platform: Platform, name: str, last: date) -> DeliveryHistory:
    """Read thirty nights of a delivery.

    Raises:
        TerminalError: `catalog.unknown_delivery`.
    """
    contract = platform.catalog.delivery(name)
    first = last - timedelta(days=NIGHTS - 1)
    with platform.ledger.read() as session:
        sent = pages.sendings_between(session, name, first, last)
        answers = pages.answers_to(session, [s.id for s in sent])
        found = pages.findings_about(session, name, first)
    files = tuple(
        SentFile(s.business_date, sent_line(s), s.content_sha256, s.attempts, answers.get(s.id)) for s in sent
    )
    return DeliveryHistory(
        delivery=name,
        title=contract.title,
        partner=contract.partner,
        owner=contract.owner,
        domain=contract.domain,
        population=None if contract.kind == "crm" else population(platform, name),
        files=files,
        nights=tuple(_sent_night(platform, day, files) for day in days(first, last)),
        findings=tuple(_newest(found)),
    )


def _sent_night(platform: Platform, day: date, files: Sequence[SentFile]) -> tuple[date, int, float | None]:
    mine = [f.line for f in files if f.business_date == day and f.line.phase == "incremental"]
    got = [f.delivered_at for f in mine if f.delivered_at]
    midnight, _ = day_bounds(day, platform.settings.tz)
    return day, sum(f.rows for f in mine), (max(got) - midnight).total_seconds() / 3600 if got else None


# --- a domain ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TableLine:
    """One published table: its rows now and in the publication before."""

    name: str
    rows: int
    rows_before: int | None


@dataclass(frozen=True)
class PublicationLine:
    """One attempt to publish."""

    sequence: int
    as_of: date
    state: str
    started_at: datetime
    published_at: datetime | None
    rows: int
    message: str | None


@dataclass(frozen=True)
class DomainHistory:
    """What the pages about usage and bills show."""

    domain: str
    standing: PublicationLine | None
    publications: tuple[PublicationLine, ...]  # newest first
    tables: tuple[TableLine, ...]
    comparisons: tuple[Comparison, ...]  # of the publication readers see
    entity: str | None  # which one is looked into
    checks: tuple[Check, ...]  # reconciliations that did not pass, newest first


def domain_history(platform: Platform, domain: str, entity: str | None = None) -> DomainHistory:
    """Read what of a domain is published and whether it is all that the sources sent.

    Raises:
        TerminalError: `build.unknown_domain`.
    """
    if domain not in DOMAINS:
        raise TerminalError(
            "build.unknown_domain", f"there is no domain {domain!r}", f"name one of {', '.join(DOMAINS)}"
        )
    first = platform.business_date() - timedelta(days=NIGHTS)
    with platform.ledger.read() as session:
        rows = pages.publications_of(session, domain, NIGHTS)
        failed = [c for c in pages.newest_checks_like(session, "reconcile.", first) if not c.passed]
    seen = [p for p in rows if p.state == PublicationState.PUBLISHED]
    compared = warehouse.published_comparisons(platform.settings, domain) if seen else []
    return DomainHistory(
        domain=domain,
        standing=_publication(seen[0]) if seen else None,
        publications=tuple(map(_publication, rows)),
        tables=tuple(_tables(seen)),
        comparisons=tuple(c for c in compared if entity is None or c.entity == entity),
        entity=entity,
        checks=tuple(failed),
    )


def _publication(row: Publication) -> PublicationLine:
    return PublicationLine(
        sequence=row.sequence,
        as_of=row.as_of,
        state=row.state,
        started_at=row.started_at,
        published_at=row.published_at,
        rows=sum(int(n) for n in (row.tables or {}).values()),
        message=row.message,
    )


def _tables(seen: Sequence[Publication]) -> Iterable[TableLine]:
    if not seen:
        return
    now, before = seen[0].tables or {}, (seen[1].tables or {}) if len(seen) > 1 else {}
    for name, rows in sorted(now.items()):
        if not name.startswith("ops_"):
            yield TableLine(name, int(rows), int(before[name]) if name in before else None)


def last_failure(platform: Platform, stage: str, subject: str, business_date: date) -> str | None:
    """Return why the newest run of a stage failed, if it did."""
    start, end = day_bounds(business_date, platform.settings.tz)
    with platform.ledger.read() as session:
        runs = [
            r
            for r in pages.runs_of_night(session, business_date, start, end)
            if (r.stage, r.subject) == (stage, subject)
        ]
    return safe_message(runs[-1].message) if runs and runs[-1].state == RunState.FAILED else None


# --- alerts ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ToldLine:
    """One message about an alert through one channel."""

    channel: str
    kind: str
    state: str
    at: datetime | None


@dataclass(frozen=True)
class AlertHistory:
    """What is wrong, what was, and who was told."""

    standing: tuple[AlertLine, ...]
    closed: tuple[ClosedLine, ...]
    told: Mapping[int, tuple[ToldLine, ...]]  # by alert


@dataclass(frozen=True)
class ClosedLine:
    """An alert that is over."""

    line: AlertLine
    closed_at: datetime | None
    had_by: str | None


def alert_history(platform: Platform, limit: int = 100) -> AlertHistory:
    """Read the open alerts and the newest closed ones, with the messages about them."""
    with platform.ledger.read() as session:
        standing = list(reversed(alerts.standing(session)))
        closed = pages.closed_alerts(session, limit)
        notices = pages.notices_of(session, [a.id for a in (*standing, *closed)])
    told: dict[int, list[ToldLine]] = {}
    for n in notices:
        told.setdefault(n.alert_id, []).append(ToldLine(n.channel, n.kind, n.state, n.sent_at or n.due_at))
    return AlertHistory(
        standing=tuple(map(alert_line, standing)),
        closed=tuple(ClosedLine(alert_line(a), a.closed_at, a.acknowledged_by) for a in closed),
        told={number: tuple(lines) for number, lines in told.items()},
    )
