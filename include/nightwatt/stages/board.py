"""The board: everything an operator on call needs to know about one night, in the order in which it matters.

Belongs here: reading the ledger for one business date, and the records that the ops page, `nightwatt status` and its
JSON show. Changes nothing. Does not belong here: judging one feed (`board_feeds`), the sentence at the top
(`board_headline`), the picture of the night (`board_timeline`), layout (page, cli).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from nightwatt.alerting.forecast import Forecasts, forecasts
from nightwatt.alerting.night import told
from nightwatt.alerting.plan import ExpectedFeed, NightPlan, Owed, night_plan
from nightwatt.alerting.verdict import State, night_verdicts, verdict
from nightwatt.calendar import day_bounds
from nightwatt.ledger import alerts as alert_book
from nightwatt.ledger import decisions, durations, pages
from nightwatt.ledger.facts import began
from nightwatt.ledger.models import Alert, AlertState, Publication, PublicationState, Receipt, Run, RunState, Sending
from nightwatt.ledger.night import failed_checks, sendings_of_night, standing_publications
from nightwatt.stages.board_feeds import FeedFacts, FeedLine, Tone, feed_line
from nightwatt.stages.board_headline import Headline, headline, nothing_yet
from nightwatt.stages.board_timeline import Frame, Timeline, timeline
from nightwatt.stages.board_words import listed
from nightwatt.stages.platform import Platform

OWN_ERRORS = ("TerminalError", "TransientError")
"""Errors whose words are ours. What another one says may quote the rows it stumbled over."""


@dataclass(frozen=True)
class AlertLine:
    """One open alert."""

    id: int
    code: str
    subject: str
    business_date: date | None
    severity: str
    state: str
    message: str
    remedy: str
    runbook: str | None
    opened_at: datetime
    escalated_at: datetime | None
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    note: str | None

    @property
    def tone(self) -> Tone:
        """How it is shown."""
        return Tone.BAD if self.severity == "critical" else Tone.WARN


@dataclass(frozen=True)
class OwedLine:
    """One thing the night owes: a domain published, a delivery delivered."""

    kind: str  # publication, delivery
    subject: str
    title: str
    domain: str
    tone: Tone
    state: str  # one or two words
    reason: str
    deadline: datetime
    done_at: datetime | None
    forecast_at: datetime | None
    forecast_reason: str
    waits_for: tuple[str, ...]  # feeds
    hindrance: str  # what keeps it from being done, as far as is known

    @property
    def is_trouble(self) -> bool:
        """Whether somebody should look."""
        return self.tone <= Tone.WARN

    @property
    def is_forecast(self) -> bool:
        """Whether somebody can say when it will be done."""
        return self.forecast_at is not None and self.done_at is None


@dataclass(frozen=True)
class StandingLine:
    """What readers see of a domain."""

    domain: str
    sequence: int | None
    as_of: date | None
    published_at: datetime | None
    rows: int
    refused: str | None  # why a newer attempt was refused, if one was


@dataclass(frozen=True)
class SentLine:
    """One file of the night to a partner."""

    id: int
    file_name: str
    phase: str
    state: str
    tone: Tone
    rows: int
    size_bytes: int
    delivered_at: datetime | None
    message: str | None

    @property
    def is_trouble(self) -> bool:
        """Whether somebody should look."""
        return self.tone <= Tone.WARN


@dataclass(frozen=True)
class DeliveryLine:
    """One delivery of the night."""

    delivery: str
    title: str
    partner: str
    domain: str
    owed: OwedLine | None  # None where nothing is owed to this night
    files: tuple[SentLine, ...]

    @property
    def rows(self) -> int:
        """Rows of all its files."""
        return sum(f.rows for f in self.files)

    @property
    def trouble(self) -> SentLine | None:
        """The first of its files that somebody should look at."""
        return next((f for f in self.files if f.is_trouble), None)

    @property
    def tone(self) -> Tone:
        """How it is shown: by a file in trouble, or by what is owed."""
        if self.trouble is not None:
            return self.trouble.tone
        return self.owed.tone if self.owed else Tone.OFF

    @property
    def state(self) -> str:
        """How it stands, in a word or two."""
        if self.trouble is not None:
            return self.trouble.state
        return self.owed.state if self.owed else "not tonight"


@dataclass(frozen=True)
class FindingLine:
    """A check of the night that did not pass."""

    code: str
    subject: str
    message: str
    blocks: bool


@dataclass(frozen=True)
class StageLine:
    """A step of the night that failed, and has not succeeded since."""

    stage: str
    subject: str
    at: datetime
    message: str


@dataclass(frozen=True)
class SourceLine:
    """A source that is not being asked."""

    source: str
    state: str
    failures: int
    retry_at: datetime | None
    error: str | None


@dataclass(frozen=True)
class Board:
    """One night, for the page and the terminal."""

    business_date: date
    holiday: str | None
    now: datetime
    zone: str
    is_over: bool  # a past night: nothing more is owed to it
    headline: Headline
    alerts: tuple[AlertLine, ...]
    owed: tuple[OwedLine, ...]  # in the order in which they fall due
    feeds: tuple[FeedLine, ...]  # trouble first
    deliveries: tuple[DeliveryLine, ...]
    standing: tuple[StandingLine, ...]
    findings: tuple[FindingLine, ...]
    failed_stages: tuple[StageLine, ...]
    sources: tuple[SourceLine, ...]
    timeline: Timeline

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values: instants in ISO form and UTC, tones by name."""
        plain = _plain(asdict(self))
        assert isinstance(plain, dict)  # noqa: S101  (a dataclass is one)
        return plain


def board(platform: Platform, business_date: date) -> Board:
    """Read the state of a business date at the platform's clock."""
    now, zone, catalog = platform.clock(), platform.settings.tz, platform.catalog
    start, end = day_bounds(business_date, zone)
    plan = night_plan(catalog, business_date, zone)
    verdicts = night_verdicts(platform.ledger, catalog, business_date, now, zone)
    done: dict[tuple[str, str], datetime | None] = {(v.due.kind, v.due.subject): v.done_at for v in verdicts}
    with platform.ledger.read() as session:
        runs = pages.runs_of_night(session, business_date, start, end)
        expected = Forecasts({}, {}) if now >= end else _forecasts(session, plan, now)
        feeds = _feeds(session, plan, runs, expected, now)
        alerts = tuple(alert_line(a) for a in reversed(alert_book.standing(session)))
        sent = sendings_of_night(session, business_date)
        standing = _standing(session, platform, business_date)
        findings = failed_checks(session, business_date)
        breakers = pages.breakers(session)
        since = began(session, zone)
    known = _Known(feeds, sent, _failed(runs), alerts, done, expected, now)
    owed = tuple(_owed(o, known) for o in plan.owed if o.kind != "report")
    is_before = since is None or business_date < since
    if is_before:  # nobody promised anything yet
        owed, feeds = tuple(map(_unasked, owed)), list(map(_unasked, feeds))
    lines = tuple(sorted(feeds, key=lambda f: (f.tone, f.times.deadline, f.feed)))
    is_over = now >= end
    return Board(
        business_date=business_date,
        holiday=plan.holiday,
        now=now,
        zone=platform.settings.zone,
        is_over=is_over,
        headline=nothing_yet() if is_before else headline(owed, alerts, lines, zone, is_over=is_over),
        alerts=alerts,
        owed=owed,
        feeds=lines,
        deliveries=_deliveries(platform, owed, sent),
        standing=standing,
        findings=tuple(FindingLine(c.code, c.subject, c.message, c.blocks) for c in findings),
        failed_stages=known.failed,
        sources=tuple(
            SourceLine(b.source, b.state, b.failures, b.retry_at, b.error) for b in breakers if b.state != "closed"
        ),
        timeline=timeline(Frame(business_date, now, zone), owed, lines, runs, sent),
    )


Line = TypeVar("Line", FeedLine, OwedLine)


def _unasked(line: Line) -> Line:
    """Return a line of a night before anything ever happened here."""
    return replace(line, tone=Tone.OFF, state="nothing yet", **_SILENT[type(line)])


_SILENT: Mapping[type, Mapping[str, Any]] = {
    FeedLine: {"detail": "", "choices": ()},
    OwedLine: {"reason": "", "hindrance": "", "waits_for": ()},
}


def _forecasts(session: Session, plan: NightPlan, now: datetime) -> Forecasts:
    earlier = durations.history(session, plan.business_date, plan.zone)
    return forecasts(plan, earlier, durations.progress(session, plan.business_date, plan.zone), now)


def _feeds(
    session: Session, plan: NightPlan, runs: Sequence[Run], expected: Forecasts, now: datetime
) -> list[FeedLine]:
    got: dict[str, list[Receipt]] = {}
    for receipt in pages.receipts_of_night(session, plan.business_date):
        got.setdefault(receipt.feed, []).append(receipt)
    looks = pages.looks_of_night(session, plan.business_date)
    decided = decisions.of_night(session, plan.business_date)
    rejects = pages.open_rejects_of_night(session, plan.business_date)
    loading = {r.subject for r in runs if r.stage == "load" and r.state == RunState.RUNNING}

    def facts(feed: ExpectedFeed) -> FeedFacts:
        name, forecast = feed.feed, expected.feeds.get(feed.feed)
        return FeedFacts(
            receipts=got.get(name, []),
            look=looks.get(name),
            decision=decided.get(name),
            open_rejects=rejects.get(name, 0),
            is_loading=name in loading,
            forecast_at=forecast.at if forecast else None,
            forecast_reason=forecast.reason if forecast else "",
        )

    return [feed_line(feed, facts(feed), now, plan.zone) for feed in plan.feeds]


def alert_line(row: Alert) -> AlertLine:
    """Return an alert as it is shown."""
    is_taken = row.state == AlertState.ACKNOWLEDGED
    return AlertLine(
        id=row.id,
        code=row.code,
        subject=row.subject,
        business_date=row.business_date,
        severity=row.severity,
        state=row.state,
        message=row.message,
        remedy=row.remedy,
        runbook=row.runbook,
        opened_at=row.opened_at,
        escalated_at=row.escalated_at,
        acknowledged_by=row.acknowledged_by if is_taken else None,
        acknowledged_at=row.acknowledged_at if is_taken else None,
        note=row.note if is_taken else None,
    )


_OWED: Mapping[State, tuple[Tone, str]] = {
    State.ON_TIME: (Tone.GOOD, "done"),
    State.PENDING: (Tone.WAIT, "to come"),
    State.AT_RISK: (Tone.WARN, "at risk"),
    State.LATE: (Tone.WARN, "late"),
    State.MISSED: (Tone.BAD, "missed"),
}


@dataclass(frozen=True)
class _Known:
    """What the night is known to have done, for judging what it owes."""

    feeds: Sequence[FeedLine]
    sent: Sequence[Sending]
    failed: tuple[StageLine, ...]
    alerts: Sequence[AlertLine]
    done: Mapping[tuple[str, str], datetime | None]
    expected: Forecasts
    now: datetime


def _owed(owed: Owed, known: _Known) -> OwedLine:
    done_at = known.done.get((owed.kind, owed.subject))
    forecast = known.expected.owed.get((owed.kind, owed.subject)) if done_at is None else None
    judged = verdict(
        deadline=owed.deadline,
        now=known.now,
        done_at=done_at,
        forecast=forecast.at if forecast else None,
        late_at=owed.late_at,
    )
    tone, state = _OWED[judged.state]
    if judged.state in {State.PENDING, State.LATE} and done_at is None and _is_told_at_risk(owed, known):
        tone, state = _OWED[State.AT_RISK]
    if judged.state is State.LATE and done_at is not None:
        state = "done late"
    waits_for = _waits_for(owed.domain, known.feeds) if done_at is None else ()
    return OwedLine(
        kind=owed.kind,
        subject=owed.subject,
        title=owed.title.removesuffix(" delivered").removesuffix(" published"),
        domain=owed.domain,
        tone=tone,
        state=state,
        reason=judged.reason,
        deadline=owed.deadline,
        done_at=done_at,
        forecast_at=forecast.at if forecast else None,
        forecast_reason=forecast.reason if forecast else "",
        waits_for=waits_for,
        hindrance=hindrance(owed, waits_for, known) if done_at is None else "",
    )


def _is_told_at_risk(owed: Owed, known: _Known) -> bool:
    """Whether somebody was told already that it will be missed; the page says no less."""
    return any(a.code == "deadline.at_risk" and a.subject == owed.subject for a in known.alerts)


def _waits_for(domain: str, feeds: Sequence[FeedLine]) -> tuple[str, ...]:
    return tuple(f.feed for f in feeds if f.domain == domain and f.is_trouble)


def hindrance(owed: Owed, waits_for: Sequence[str], known: _Known) -> str:
    """Say what keeps something from being done: a file that would not go, a feed, a step that failed."""
    stuck = [s for s in known.sent if s.delivery == owed.subject and s.state in {"failed", "unknown"}]
    if stuck and owed.kind == "delivery":
        return "its file could not be sent" if stuck[0].state == "failed" else "nobody knows whether its file arrived"
    blocking = [f for f in known.feeds if f.feed in waits_for]
    gone = [f.feed for f in blocking if not f.files]
    if gone:
        return f"{listed(gone)} {'has' if len(gone) == 1 else 'have'} not come"
    if blocking:
        return f"{listed([f.feed for f in blocking])} {'is' if len(blocking) == 1 else 'are'} {blocking[0].state}"
    stopped = [s for s in known.failed if s.subject in {owed.domain, owed.subject}]
    if stopped:
        return f"{stopped[0].stage} {stopped[0].subject} failed"
    forecast = known.expected.owed.get((owed.kind, owed.subject))
    return forecast.reason.split(", then ")[0] if forecast else ""


_SENT: Mapping[str, tuple[Tone, str]] = {
    "delivered": (Tone.GOOD, "delivered"),
    "failed": (Tone.BAD, "failed"),
    "unknown": (Tone.BAD, "unknown"),
    "intent": (Tone.BUSY, "about to be sent"),
    "renaming": (Tone.BUSY, "being sent"),
    "finishing": (Tone.BUSY, "being sent"),
}


def sent_line(row: Sending) -> SentLine:
    """Return a sending as it is shown."""
    tone, state = _SENT.get(row.state, (Tone.WARN, row.state))
    return SentLine(
        row.id, row.file_name, row.phase, state, tone, row.rows, row.size_bytes, row.delivered_at, row.message
    )


def _deliveries(platform: Platform, owed: Sequence[OwedLine], sent: Sequence[Sending]) -> tuple[DeliveryLine, ...]:
    promised = {o.subject: o for o in owed if o.kind == "delivery"}
    lines = [
        DeliveryLine(
            delivery=name,
            title=contract.title,
            partner=contract.partner,
            domain=contract.domain,
            owed=promised.get(name),
            files=tuple(sent_line(s) for s in sent if s.delivery == name),
        )
        for name, contract in platform.catalog.deliveries.items()
    ]
    return tuple(sorted(lines, key=lambda d: (d.tone, d.delivery)))


def _standing(session: Session, platform: Platform, business_date: date) -> tuple[StandingLine, ...]:
    readers_see = {p.domain: p for p in standing_publications(session)}
    attempts = {p.domain: p for p in pages.publications_of_night(session, business_date)}
    domains = sorted({f.domain for f in platform.catalog.feeds.values()} | set(readers_see))
    return tuple(_stands(domain, readers_see.get(domain), attempts.get(domain)) for domain in domains)


def _stands(domain: str, row: Publication | None, attempt: Publication | None) -> StandingLine:
    is_refused = attempt is not None and attempt.state == PublicationState.REFUSED
    refused = (attempt.message or "its checks failed") if attempt is not None and is_refused else None
    if row is None:
        return StandingLine(domain, None, None, None, 0, refused)
    rows = sum(int(n) for n in (row.tables or {}).values())
    return StandingLine(domain, row.sequence, row.as_of, row.published_at, rows, refused)


def _failed(runs: Sequence[Run]) -> tuple[StageLine, ...]:
    newest = {(r.stage, r.subject): r for r in runs}
    return tuple(
        StageLine(r.stage, r.subject, r.ended_at or r.started_at, safe_message(r.message))
        for r in newest.values()
        if r.state == RunState.FAILED
    )


def safe_message(message: str | None) -> str:
    """Return what a failed run says, if the words are ours; otherwise only what kind of error it was."""
    error = told(message)
    if error.kind in OWN_ERRORS and error.code != "task.crashed":
        return error.message
    return f"it crashed ({error.kind or 'no word why'}); the task's log says more"


def _plain(value: Any) -> Any:
    if isinstance(value, Tone):
        return value.name.lower()
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
