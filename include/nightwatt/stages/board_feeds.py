"""How one feed's night stands, in a word and a sentence: the judgement behind a row of the ops page.

Belongs here: pure functions from what the ledger knows of one feed and night to what an operator reads, and which
buttons make sense. Does not belong here: reading the ledger (`board.py`), alerts (their own judgement), layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from zoneinfo import ZoneInfo

from nightwatt.alerting.plan import ExpectedFeed
from nightwatt.ledger.models import Look, NightChoice, NightDecision, Receipt, ReceiptState
from nightwatt.stages.board_words import clock_time, counted


class Tone(IntEnum):
    """How much somebody should care; the worst first, in the order in which lists show it."""

    BAD = 0  # a promise is broken, or nothing will mend itself
    WARN = 1  # look before the deadline
    BUSY = 2  # being worked on
    WAIT = 3  # not due yet
    GOOD = 4
    OFF = 5  # not expected, or a person said so


@dataclass(frozen=True)
class DecisionLine:
    """A person's word on a feed's night."""

    choice: str
    reason: str
    by: str
    at: datetime
    until: datetime | None


@dataclass(frozen=True)
class FeedLine:
    """One feed and one night."""

    feed: str
    title: str
    system: str
    domain: str
    tone: Tone
    state: str  # one or two words
    detail: str  # what explains it, a sentence or nothing
    times: ExpectedFeed
    arrived_at: datetime | None  # of the last file
    files: int
    held: int
    rows_in: int
    rows_kept: int
    rows_rejected: int
    open_rejects: int
    forecast_at: datetime | None
    forecast_reason: str
    decision: DecisionLine | None
    choices: tuple[str, ...]  # what a person may decide now

    @property
    def has_note(self) -> bool:
        """Whether there is anything to say beyond the state."""
        return bool(self.detail or self.decision)

    @property
    def is_trouble(self) -> bool:
        """Whether somebody should look."""
        return self.tone <= Tone.WARN


@dataclass(frozen=True)
class FeedFacts:
    """What the ledger knows of one feed and night."""

    receipts: Sequence[Receipt]  # current ones
    look: Look | None
    decision: NightDecision | None
    open_rejects: int
    is_loading: bool
    forecast_at: datetime | None = None
    forecast_reason: str = ""


def feed_line(times: ExpectedFeed, facts: FeedFacts, now: datetime, zone: ZoneInfo) -> FeedLine:
    """Judge a feed's night."""
    tone, state, detail = _judge(times, facts, now, zone)
    got = facts.receipts
    loaded = [r for r in got if r.state == ReceiptState.LOADED]
    return FeedLine(
        feed=times.feed,
        title=times.title,
        system=times.system,
        domain=times.domain,
        tone=tone,
        state=state,
        detail=detail,
        times=times,
        arrived_at=max((r.arrived_at for r in got), default=None),
        files=len(got),
        held=sum(r.state == ReceiptState.HELD for r in got),
        rows_in=sum(r.rows_in or 0 for r in loaded),
        rows_kept=sum(r.rows_kept or 0 for r in loaded),
        rows_rejected=sum(r.rows_rejected or 0 for r in got),
        open_rejects=facts.open_rejects,
        forecast_at=facts.forecast_at,
        forecast_reason=facts.forecast_reason,
        decision=_decision(facts.decision),
        choices=_choices(tone, facts),
    )


def _decision(row: NightDecision | None) -> DecisionLine | None:
    return DecisionLine(row.choice, row.reason, row.decided_by, row.decided_at, row.until) if row else None


def _choices(tone: Tone, facts: FeedFacts) -> tuple[str, ...]:
    """Return what makes sense to decide: a decision is taken back before another one is made."""
    if facts.decision is not None:
        return ("take_back",)
    got = facts.receipts
    if tone in {Tone.GOOD, Tone.OFF} or (tone is Tone.BUSY and facts.is_loading):
        return ()
    if not got:
        return (NightChoice.RELEASE, NightChoice.SKIP)
    if any(r.state == ReceiptState.HELD for r in got):
        return (NightChoice.ACCEPT, NightChoice.SKIP)
    return (NightChoice.ACCEPT, NightChoice.RELEASE, NightChoice.SKIP)


Judged = tuple[Tone, str, str]


def _judge(times: ExpectedFeed, facts: FeedFacts, now: datetime, zone: ZoneInfo) -> Judged:
    decision = facts.decision
    if decision is not None and decision.choice == NightChoice.SKIP:
        return Tone.OFF, "skipped", "the night goes on without it"
    if not times.is_expected and not facts.receipts:
        return Tone.OFF, "not tonight", times.why
    held = [r for r in facts.receipts if r.state == ReceiptState.HELD]
    if held and not (decision is not None and decision.choice == NightChoice.ACCEPT):
        return Tone.BAD, "on hold", held[0].message or f"{counted(len(held), 'file')} cannot be read"
    if _is_there(times, facts):
        return _of_there(facts)
    return _of_missing(times, facts, now, zone)


def _is_there(times: ExpectedFeed, facts: FeedFacts) -> bool:
    if facts.decision is not None and facts.decision.choice == NightChoice.ACCEPT:
        return True
    if facts.look is not None and facts.look.is_ready:
        return True
    return len(facts.receipts) >= max(_wanted(times), 1)


def _wanted(times: ExpectedFeed) -> int:
    return max([times.files, *(r.files for r in times.rounds)])


def _of_there(facts: FeedFacts) -> Judged:
    got = facts.receipts
    if facts.is_loading:
        return Tone.BUSY, "loading", f"{counted(len(got), 'file')} being read"
    waiting = sum(r.state == ReceiptState.LANDED for r in got)
    if waiting:
        return Tone.BUSY, "arrived", f"{counted(waiting, 'file')} to be read next"
    if any(r.is_complete is False for r in got):
        return Tone.WARN, "incomplete", "read, but less or more than usual came; see the findings of the night"
    return Tone.GOOD, "loaded", _put_aside(facts.open_rejects)


def _put_aside(lines: int) -> str:
    return f"{counted(lines, 'line')} put aside" if lines else ""


def _of_missing(times: ExpectedFeed, facts: FeedFacts, now: datetime, zone: ZoneInfo) -> Judged:
    seen = _seen(times, facts)
    decision = facts.decision
    if decision is not None and decision.choice == NightChoice.RELEASE and decision.until and now < decision.until:
        return Tone.WAIT, "released", f"the night waits for it until {clock_time(decision.until, zone)}; {seen}"
    if now >= times.deadline:
        return Tone.BAD, "missing", seen
    if now >= times.late_at:
        return Tone.WARN, "late", seen
    if facts.receipts:
        return Tone.BUSY, "arriving", seen
    return Tone.WAIT, "waiting", f"expected by {clock_time(times.expected_by, zone)}"


def _seen(times: ExpectedFeed, facts: FeedFacts) -> str:
    if facts.receipts:
        return f"{len(facts.receipts)} of {counted(_wanted(times), 'file')} came"
    if facts.look is not None and facts.look.reason:
        return facts.look.reason
    return "nothing has come"
