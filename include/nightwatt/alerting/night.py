"""What a verdict is made of: the plan of a night, what the ledger knows of it, what is to be expected; and its words.

Belongs here: the inputs of the conditions, what counts as there and as done, times as people say them. Does not belong
here: the conditions themselves (`conditions.py`) and reading the ledger (`ledger.facts`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from nightwatt.alerting.forecast import Forecast
from nightwatt.alerting.plan import ExpectedFeed, NightPlan, Owed
from nightwatt.contracts.catalog import Catalog
from nightwatt.contracts.delivery import OpowerDelivery
from nightwatt.ledger.checks import CheckResult
from nightwatt.ledger.facts import House, NightBook
from nightwatt.ledger.models import (
    DeliveryState,
    NightChoice,
    NightDecision,
    PhaseKind,
    PublicationState,
    Receipt,
    ReceiptState,
    Run,
    RunState,
    Sending,
)

_TOLD = re.compile(r"^(?:(?P<kind>\w+): )?\[(?P<code>[\w.]+)\] (?P<message>.*?)(?: -> (?P<remedy>.*))?$", re.DOTALL)


@dataclass(frozen=True)
class Night:
    """One business date: what was planned, what happened, what is to be expected."""

    plan: NightPlan
    book: NightBook
    forecasts: Mapping[tuple[str, str], Forecast] = field(default_factory=dict)  # by kind and subject of what is owed

    @property
    def day(self) -> date:
        """The business date."""
        return self.plan.business_date


@dataclass(frozen=True)
class Known:
    """What is the same for all nights of a look."""

    catalog: Catalog
    house: House
    zone: ZoneInfo
    tonight: date
    findings: Sequence[CheckResult] = ()  # of `checks.check_sendings`
    owed_from: Mapping[str, date | None] = field(default_factory=dict)  # first date a partner is owed an incremental


@dataclass(frozen=True)
class Told:
    """An error as the ledger keeps it, taken apart."""

    kind: str  # class of the error
    code: str
    message: str
    remedy: str

    @property
    def is_terminal(self) -> bool:
        """Whether trying again changes nothing."""
        return self.kind == "TerminalError"


def told(text: str | None) -> Told:
    """Take an error's text apart; one we did not write may quote the rows it fell over, so its words are not said."""
    found = _TOLD.match(text or "")
    if found is None:
        return Told((text or "").partition(":")[0], "task.crashed", "it crashed", "read the log of the task")
    given = found.groupdict(default="")
    return Told(given["kind"], given["code"], given["message"], given["remedy"])


# --- what is there, what is done -----------------------------------------------------------------------


def good_files(book: NightBook, feed: str) -> list[Receipt]:
    """Return a feed's files of a night that are not on hold."""
    return [r for r in book.receipts.get(feed, ()) if r.state != ReceiptState.HELD]


def held_files(book: NightBook, feed: str) -> list[Receipt]:
    """Return a feed's files of a night that are on hold."""
    return [r for r in book.receipts.get(feed, ()) if r.state == ReceiptState.HELD]


def least_files(feed: ExpectedFeed, book: NightBook) -> int:
    """Return how many files must come, by the contract or by what its manifest lists."""
    look = book.looks.get(feed.feed)
    return max(feed.files, look.expected if look else 0)


def is_there(feed: ExpectedFeed, book: NightBook) -> bool:
    """Whether all files of a feed have been received, whatever became of them."""
    look = book.looks.get(feed.feed)
    return bool(look and look.is_ready) or len(good_files(book, feed.feed)) >= least_files(feed, book)


def choice(book: NightBook, feed: str) -> NightDecision | None:
    """Return a person's word on a feed and a night, if there is one."""
    return book.decisions.get(feed)


def is_waived(book: NightBook, feed: str) -> bool:
    """Whether a person said that the night goes on without a feed, or with what there is of it."""
    decision = choice(book, feed)
    return decision is not None and decision.choice in {NightChoice.SKIP, NightChoice.ACCEPT}


def is_done(owed: Owed, book: NightBook) -> bool:
    """Whether something owed is done, in time or not."""
    if owed.kind == "publication":
        return published_at(book, owed.subject) is not None
    return is_delivered(book, owed.subject)


def published_at(book: NightBook, domain: str) -> datetime | None:
    """Return when readers first saw a domain as of this night, or of a later one, which has this one in it."""
    return min((at for at, _ in _seen(book, domain)), default=None)


def publication_told(book: NightBook, domain: str) -> str:
    """Name the publication that readers first saw it with; nothing if there is none."""
    first = min(_seen(book, domain), default=None)
    return f"publication {first[1]}" if first else ""


def _seen(book: NightBook, domain: str) -> list[tuple[datetime, int]]:
    """Return when readers saw each publication of a domain, and its number."""
    return [
        (p.published_at, p.sequence)
        for p in book.publications
        if p.domain == domain and p.state == PublicationState.PUBLISHED and p.published_at
    ]


def delivered_at(book: NightBook, delivery: str) -> datetime | None:
    """Return when a delivery's last file was received; None while one is on its way.

    A sample is no night's file. Neither is a history, but where it left nothing for an incremental. A run that found
    nothing to send is done with the night.
    """
    files = _files(book, delivery)
    received = [s.delivered_at for s in files if s.state == DeliveryState.DELIVERED and s.delivered_at]
    if files and len(received) == len(files):
        return max(received)
    runs = runs_of(book, "deliver", delivery)
    if not files and runs and runs[-1].state == RunState.SUCCEEDED:
        return runs[-1].ended_at
    return None


def files_told(book: NightBook, delivery: str) -> str:
    """Name a delivery's files of a night, and how those stand that the partner does not have."""
    return ", ".join(
        s.file_name if s.state == DeliveryState.DELIVERED else f"{s.file_name} ({s.state})"
        for s in _files(book, delivery)
    )


def _files(book: NightBook, delivery: str) -> list[Sending]:
    counted = [s for s in book.sendings.get(delivery, ()) if s.phase != PhaseKind.SAMPLE]
    return [s for s in counted if s.phase == PhaseKind.INCREMENTAL] or counted


def is_delivered(book: NightBook, delivery: str) -> bool:
    """Whether the partner has a night's rows: in its own file, or in a later one, which begins where the last ended."""
    later = book.sent_through.get(delivery)
    return delivered_at(book, delivery) is not None or (later is not None and later > book.business_date)


def is_owed(owed: Owed, night: Night, known: Known) -> bool:
    """Whether a night owes something: what no feed in use goes into is not, nor is a partner without a history owed."""
    if owed.kind == "report" or not any(f.domain == owed.domain for f in night.plan.feeds):
        return False
    contract = known.catalog.deliveries.get(owed.subject) if owed.kind == "delivery" else None
    if not isinstance(contract, OpowerDelivery):
        return True
    since = known.owed_from.get(owed.subject)
    return since is not None and night.day >= since


def is_published_since(book: NightBook, domain: str, instant: datetime) -> bool:
    """Whether readers got a domain, as of this night or later, after an instant: what was in the way is gone."""
    return any(
        p.domain == domain and p.state == PublicationState.PUBLISHED and p.published_at and p.published_at > instant
        for p in book.publications
    )


def runs_of(book: NightBook, stage: str, subject: str) -> list[Run]:
    """Return the runs of one step of a night, oldest first."""
    return [r for r in book.runs if (r.stage, r.subject) == (stage, subject)]


# --- words ---------------------------------------------------------------------------------------------


def wall(instant: datetime, zone: ZoneInfo, day: date | None = None) -> str:
    """Say an instant as the clock on the wall shows it, with its date where it is not the night's own."""
    local = instant.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == day else f"{local:%H:%M} on {local:%a %d %b}"


def listed(names: Sequence[str], most: int = 3) -> str:
    """Say some names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def affected(night: Night, known: Known, domain: str) -> list[str]:
    """Say what waits for a domain and is not done: who else is affected."""
    waiting = [o for o in night.plan.owed if o.domain == domain]
    return [
        f"{o.title} by {wall(o.deadline, known.zone, night.day)}"
        for o in waiting
        if is_owed(o, night, known) and not is_done(o, night.book)
    ]
