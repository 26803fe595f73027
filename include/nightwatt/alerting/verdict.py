"""On time, pending, at risk, late or missed: the one judgement every alert, page and screen uses.

Belongs here: the pure verdict, and verdicts on what a night owes. Does not belong here: what is due when (`plan.py`),
what counts as done (`night.py`), what else can be wrong (`conditions.py`), and telling anybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from nightwatt.alerting.night import delivered_at, files_told, publication_told, published_at
from nightwatt.alerting.plan import Owed, night_plan
from nightwatt.contracts.catalog import Catalog
from nightwatt.errors import TerminalError
from nightwatt.ledger import facts
from nightwatt.ledger.book import Ledger
from nightwatt.ledger.facts import NightBook


class State(StrEnum):
    """How something stands against its deadline."""

    ON_TIME = "on_time"  # done, by its time
    PENDING = "pending"  # not done, and nothing speaks against it yet
    AT_RISK = "at_risk"  # not done, and expected only after the deadline
    LATE = "late"  # done after its time, or not done and overdue with the deadline still ahead
    MISSED = "missed"  # not done, and the deadline has passed


@dataclass(frozen=True)
class Verdict:
    """A state and the sentence that explains it."""

    state: State
    reason: str

    @property
    def is_bad(self) -> bool:
        """Whether somebody should look."""
        return self.state in {State.AT_RISK, State.LATE, State.MISSED}


def verdict(
    *,
    deadline: datetime,
    now: datetime,
    done_at: datetime | None,
    forecast: datetime | None = None,
    late_at: datetime | None = None,
) -> Verdict:
    """Judge one thing that is due, from instants alone.

    What is done is judged by when it was done, whatever the clock says now. What is not done is judged
    by the worst that is already certain: missed, then at risk, then late, then pending. A deadline met
    to the second is met; one reached without a result is missed.

    Args:
        deadline: when it must be done.
        now: the clock.
        done_at: when it was done; None if it is not.
        forecast: when it will probably be done, if somebody can say.
        late_at: from when on it counts as late although the deadline is still ahead.

    Raises:
        ValueError: if an instant carries no time zone, or `late_at` lies behind the deadline.
    """
    _check(deadline=deadline, now=now, done_at=done_at, forecast=forecast, late_at=late_at)
    if done_at is not None:
        return _of_done(deadline, done_at, late_at)
    if now >= deadline:
        return Verdict(State.MISSED, f"not done; the deadline passed {span(now - deadline)} ago")
    left = f"{span(deadline - now)} before the deadline"
    if forecast is not None and forecast > deadline:
        return Verdict(State.AT_RISK, f"not done {left}; expected {span(forecast - deadline)} after it")
    if late_at is not None and now >= late_at:
        return Verdict(State.LATE, f"not done and {span(now - late_at)} overdue, {left}")
    return Verdict(State.PENDING, f"not done yet, {left}")


def _of_done(deadline: datetime, done_at: datetime, late_at: datetime | None) -> Verdict:
    if done_at > deadline:
        return Verdict(State.LATE, f"done {span(done_at - deadline)} after the deadline")
    early = f"done {span(deadline - done_at)} before the deadline"
    if late_at is not None and done_at > late_at:
        return Verdict(State.LATE, f"{early}, but {span(done_at - late_at)} overdue")
    return Verdict(State.ON_TIME, early)


def _check(**instants: datetime | None) -> None:
    for name, instant in instants.items():
        if instant is not None and instant.tzinfo is None:
            raise ValueError(f"{name} needs a time zone")
    deadline, late_at = instants["deadline"], instants["late_at"]
    if deadline and late_at and late_at > deadline:
        raise ValueError("late_at lies after the deadline")


def span(length: timedelta) -> str:
    """Say a length, whichever its sign, as an operator would: `40 s`, `12 min`, `5 h 03 min`, `3 days`."""
    seconds = int(abs(length).total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 2 * 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
    return f"{seconds // 86400} days"


# --- what is done --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NightVerdict:
    """The verdict on one thing due, with what it was judged from."""

    due: Owed
    done_at: datetime | None
    evidence: str  # which publication or sendings say so; empty if none
    verdict: Verdict

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, for XCom, JSON and the ledger."""
        return {
            "kind": self.due.kind,
            "subject": self.due.subject,
            "title": self.due.title,
            "deadline": self.due.deadline.isoformat(),
            "done_at": self.done_at.isoformat() if self.done_at else None,
            "evidence": self.evidence,
            "state": self.verdict.state.value,
            "reason": self.verdict.reason,
        }


def night_verdicts(
    ledger: Ledger, catalog: Catalog, business_date: date, now: datetime, zone: ZoneInfo
) -> list[NightVerdict]:
    """Judge everything a business date owes readers and partners by what the ledger says is done."""
    with ledger.read() as session:
        book = facts.night_books(session, [business_date], zone)[business_date]
    owed = [o for o in night_plan(catalog, business_date, zone).owed if o.kind != "report"]
    return [_judged(o, book, now) for o in owed]


def _judged(owed: Owed, book: NightBook, now: datetime) -> NightVerdict:
    if owed.kind == "publication":
        done_at, evidence = published_at(book, owed.subject), publication_told(book, owed.subject)
    else:
        done_at, evidence = delivered_at(book, owed.subject), files_told(book, owed.subject)
    return NightVerdict(owed, done_at, evidence, verdict(deadline=owed.deadline, now=now, done_at=done_at))


def verdict_on(ledger: Ledger, catalog: Catalog, subject: str, business_date: date, zone: ZoneInfo) -> NightVerdict:
    """Judge one domain or delivery of a business date, at the ledger's clock.

    Raises:
        TerminalError: `alerting.unknown_subject`, naming what is due.
    """
    found = night_verdicts(ledger, catalog, business_date, ledger.clock(), zone)
    for judged in found:
        if judged.due.subject == subject:
            return judged
    raise TerminalError(
        "alerting.unknown_subject",
        f"nothing named {subject!r} is due on a business date",
        f"known: {', '.join(judged.due.subject for judged in found)}",
    )
