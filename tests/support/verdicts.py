"""One night at one moment, as the verdict gets it: a small catalog, rows that were never in a ledger, a clock.

Belongs here: builders with sensible defaults. Does not belong here: expectations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from nightwatt.alerting.conditions import Condition, Known, Night, conditions
from nightwatt.alerting.forecast import Forecast
from nightwatt.alerting.plan import night_plan
from nightwatt.contracts.catalog import Catalog, load_catalog
from nightwatt.contracts.schedule import Schedule
from nightwatt.contracts.sources import SftpSource
from nightwatt.ledger.checks import CheckResult
from nightwatt.ledger.facts import GivenUp, House, NightBook
from nightwatt.ledger.models import (
    Breaker,
    BreakerState,
    Check,
    DeliveryState,
    Heartbeat,
    Look,
    NightChoice,
    NightDecision,
    PhaseKind,
    Publication,
    PublicationState,
    Receipt,
    ReceiptState,
    Run,
    RunState,
    Sending,
)

NEW_YORK = ZoneInfo("America/New_York")
NIGHT = date(2026, 3, 9)
"""A Monday."""

FEEDS = ("ccb_acct", "ccb_bill", "mdm_interval_electric")
DELIVERIES = ("crm_core", "opower_billing")


def at(wall: str, day: date = NIGHT) -> datetime:
    """A wall-clock time of the night."""
    return datetime.combine(day, time.fromisoformat(wall), tzinfo=NEW_YORK)


@cache
def small_catalog() -> Catalog:
    """Two feeds of billing and one of usage, one delivery to each partner, all made of billing."""
    packaged = load_catalog(systems=("ccb", "mdm"))
    return replace(
        packaged,
        feeds={name: packaged.feeds[name] for name in FEEDS},
        deliveries={name: packaged.deliveries[name] for name in DELIVERIES},
    )


def with_schedule(feed: str, **schedule: Any) -> Catalog:
    """The small catalog with another schedule for one feed."""
    catalog = small_catalog()
    changed = catalog.feeds[feed].model_copy(update={"schedule": Schedule(**schedule)})
    return replace(catalog, feeds={**catalog.feeds, feed: changed})


def from_server(feed: str, connection: str) -> Catalog:
    """The small catalog with one feed that comes from an SFTP server."""
    catalog = small_catalog()
    contract = catalog.feeds[feed]
    source = SftpSource(kind="sftp", connection=connection, folder="/out")
    arrival = contract.arrival.model_copy(update={"source": source})
    return replace(catalog, feeds={**catalog.feeds, feed: contract.model_copy(update={"arrival": arrival})})


@dataclass
class Moment:
    """What the ledger holds of a night; everything that is needed for a good night is there unless taken away."""

    now: datetime
    catalog: Catalog = field(default_factory=small_catalog)
    receipts: list[Receipt] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    decisions: list[NightDecision] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    failed: list[Check] = field(default_factory=list)
    publications: list[Publication] = field(default_factory=list)
    sendings: list[Sending] = field(default_factory=list)
    sent_through: Mapping[str, date] = field(default_factory=dict)
    forecasts: Mapping[tuple[str, str], Forecast] = field(default_factory=dict)
    findings: Sequence[CheckResult] = ()
    house: House = field(default_factory=lambda: House(since=NIGHT - timedelta(days=1)))
    day: date = NIGHT

    def conditions(self) -> list[Condition]:
        """Everything that is wrong."""
        plan = night_plan(self.catalog, self.day, NEW_YORK)
        book = NightBook(
            business_date=self.day,
            receipts={name: [r for r in self.receipts if r.feed == name] for name in {r.feed for r in self.receipts}},
            looks={look.feed: look for look in self.looks},
            decisions={d.feed: d for d in self.decisions},
            runs=self.runs,
            failed=self.failed,
            publications=self.publications,
            sendings={n: [s for s in self.sendings if s.delivery == n] for n in {s.delivery for s in self.sendings}},
            sent_through=self.sent_through,
        )
        known = Known(
            catalog=self.catalog,
            house=self.house,
            zone=NEW_YORK,
            tonight=self.now.astimezone(NEW_YORK).date(),
            findings=self.findings,
            owed_from={"opower_billing": date(2026, 1, 1)},
        )
        return conditions([Night(plan, book, self.forecasts)], known, self.now)

    def codes(self) -> list[tuple[str, str]]:
        """Code and subject of everything that is wrong."""
        return [(c.code, c.subject) for c in self.conditions()]

    def only(self, code: str) -> Condition:
        """The one condition of a code."""
        [found] = [c for c in self.conditions() if c.code == code]
        return found


def good_night(now: str = "08:30", **changes: Any) -> Moment:
    """A night on which everything came, was published and sent in time."""
    facts: dict[str, Any] = {
        "receipts": [receipt(feed) for feed in FEEDS],
        "looks": [look(feed) for feed in FEEDS],
        "runs": [run("build", "billing"), run("publish", "billing")],
        "publications": [publication("billing", "05:00"), publication("usage", "05:30")],
        "sendings": [sending("crm_core"), sending("opower_billing")],
    }
    return Moment(at(now), **facts | changes)


def early_night(now: str, **changes: Any) -> Moment:
    """A night of which so far somebody has looked for the files, and none has come."""
    return Moment(at(now), **{"looks": [look(feed, False, 0) for feed in FEEDS]} | changes)


def receipt(feed: str, state: ReceiptState = ReceiptState.LOADED, **changes: Any) -> Receipt:
    """A file of the night."""
    facts: dict[str, Any] = {
        "id": 7, "feed": feed, "business_date": NIGHT, "file_name": f"{feed}.csv", "state": state,
        "arrived_at": at("02:00"), "rows_in": 100, "message": None,
    }  # fmt: skip
    return Receipt(**facts | changes)


def look(feed: str, is_ready: bool = True, arrived: int = 1, expected: int = 1, **changes: Any) -> Look:
    """The newest look for a feed."""
    reason = "all files are there" if is_ready else f"{expected - arrived} of at least {expected} file(s) missing"
    facts: dict[str, Any] = {
        "feed": feed, "business_date": NIGHT, "first_at": at("00:30"), "at": at("02:00"), "is_ready": is_ready,
        "arrived": arrived, "expected": expected, "reason": reason, "unknown": [], "looked_by": "billing_nightly/1",
    }  # fmt: skip
    return Look(**facts | changes)


def decision(feed: str, choice: NightChoice, until: datetime | None = None) -> NightDecision:
    """A person's word."""
    return NightDecision(feed=feed, business_date=NIGHT, choice=choice, until=until, decided_by="kim", reason="asked")


def run(stage: str, subject: str, state: RunState = RunState.SUCCEEDED, **changes: Any) -> Run:
    """A run of a step."""
    facts: dict[str, Any] = {
        "stage": stage, "subject": subject, "business_date": NIGHT, "started_by": "cli", "state": state,
        "started_at": at("03:00"), "ended_at": at("03:10"), "message": None,
    }  # fmt: skip
    return Run(**facts | changes)


def failure(stage: str, subject: str, message: str, ended: str = "03:10") -> Run:
    """A run that failed with an error of ours, or of somebody else's."""
    return run(stage, subject, RunState.FAILED, message=message, ended_at=at(ended))


def publication(domain: str, wall: str, **changes: Any) -> Publication:
    """A publication of the night that readers see."""
    facts: dict[str, Any] = {
        "sequence": 5, "domain": domain, "as_of": NIGHT, "state": PublicationState.PUBLISHED, "through_sequence": 4,
        "started_at": at(wall), "published_at": at(wall), "message": None,
    }  # fmt: skip
    return Publication(**facts | changes)


def sending(delivery: str, state: DeliveryState = DeliveryState.DELIVERED, **changes: Any) -> Sending:
    """A file to a partner."""
    facts: dict[str, Any] = {
        "delivery": delivery, "business_date": NIGHT, "file_name": f"{delivery}.gz", "state": state,
        "phase": PhaseKind.INCREMENTAL, "intended_at": at("05:40"), "delivered_at": at("05:50"), "message": None,
    }  # fmt: skip
    return Sending(**facts | changes)


def check(code: str, subject: str, message: str = "seen", *, blocks: bool = False, **evidence: Any) -> Check:
    """The newest result of a check that did not pass."""
    return Check(
        code=code, subject=subject, business_date=NIGHT, passed=False, blocks=blocks, message=message,
        evidence=evidence, at=at("04:00"),
    )  # fmt: skip


def heart(name: str, wall: str, every_s: int | None = 60) -> Heartbeat:
    """A sign of life."""
    return Heartbeat(name=name, at=at(wall), every_s=every_s)


def breaker(source: str, error: str) -> Breaker:
    """A source that is left alone."""
    return Breaker(
        source=source, state=BreakerState.OPEN, failures=3, opened_at=at("02:40"), retry_at=at("02:50"), error=error,
        updated_at=at("02:40"),
    )  # fmt: skip


def house(**changes: Any) -> House:
    """A house in which something has happened before."""
    return House(**{"since": NIGHT - timedelta(days=1)} | changes)


def given_up(channel: str) -> GivenUp:
    """A channel whose last message was given up."""
    return GivenUp(channel, at("02:00"), f"[channel.not_sent] {channel} did not take the message")
