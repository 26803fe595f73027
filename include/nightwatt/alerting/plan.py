"""The plan of a night: which files are due when, and what must be out by when. The calendar, as instants.

Belongs here: turning contracts, holidays and a business date into instants, on clock-change days too. Does not belong
here: whether anything came or went (`verdict.py`, `conditions.py`) and the rules of a schedule (`contracts.schedule`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from nightwatt.calendar import wall_instant
from nightwatt.contracts.catalog import Catalog
from nightwatt.contracts.delivery import Delivery, OpowerBillingDelivery, OpowerIntervalDelivery
from nightwatt.contracts.feed import Feed
from nightwatt.contracts.watch import WEEKDAYS, Watch

DOMAIN_STARTS: Mapping[str, time] = {"billing": time(0, 30), "usage": time(1, 0)}
"""Wall-clock times at which a domain's chain starts."""

DOMAIN_DEADLINES: Mapping[str, time] = {"billing": time(6, 0), "usage": time(7, 0)}
"""Wall-clock times, on the business date, by which a domain's marts must be published."""


@dataclass(frozen=True)
class PlannedRound:
    """So many files of a feed, those of earlier rounds counted in, by an instant."""

    files: int
    by: datetime


@dataclass(frozen=True)
class ExpectedFeed:
    """What one feed owes a night."""

    feed: str
    title: str
    system: str
    domain: str
    is_expected: bool
    why: str  # the rule of its schedule that says so
    files: int  # at least so many in all; 0 where none are expected
    expected_by: datetime
    late_at: datetime
    deadline: datetime
    may_be_skipped: bool = False  # its contract lets the night go on without it after the deadline
    rounds: tuple[PlannedRound, ...] = ()
    every: timedelta | None = None  # near real time: files come all day, so far apart
    alert_after: timedelta | None = None  # near real time: so long without anything new is told of


@dataclass(frozen=True)
class Owed:
    """One thing a night owes to readers or a partner, and by when."""

    kind: Literal["publication", "delivery", "report"]
    subject: str  # the domain or the delivery
    title: str
    domain: str
    start_at: datetime  # nothing is to be seen of it before
    late_at: datetime | None  # from when on somebody should ask, if that is before the deadline
    deadline: datetime


@dataclass(frozen=True)
class NightPlan:
    """Everything a business date expects and owes."""

    business_date: date
    zone: ZoneInfo
    holiday: str | None
    feeds: tuple[ExpectedFeed, ...]  # every feed in use, by name, also those that owe nothing tonight
    owed: tuple[Owed, ...]  # in the order in which it falls due

    def feed(self, name: str) -> ExpectedFeed | None:
        """Return what a feed owes the night; None if it is not in use."""
        return next((f for f in self.feeds if f.feed == name), None)

    def expected(self, domain: str | None = None) -> tuple[ExpectedFeed, ...]:
        """Return the feeds whose files are due, of one domain or of all."""
        return tuple(f for f in self.feeds if f.is_expected and domain in {None, f.domain})

    def owes(self, kind: str, subject: str) -> Owed | None:
        """Return one thing owed; None if it is not owed tonight."""
        return next((o for o in self.owed if (o.kind, o.subject) == (kind, subject)), None)


def night_plan(catalog: Catalog, business_date: date, zone: ZoneInfo) -> NightPlan:
    """Lay out a business date: wall-clock times become instants of the utility's zone.

    A time that the clocks jump over falls where they jump to; one that comes twice counts the first time.
    """
    feeds = [_expected(feed, catalog, business_date, zone) for _, feed in sorted(catalog.feeds.items())]
    owed = [
        *(_publication(domain, business_date, zone) for domain in DOMAIN_DEADLINES),
        *(o for _, contract in sorted(catalog.deliveries.items()) for o in _deliveries(contract, business_date, zone)),
    ]
    return NightPlan(
        business_date=business_date,
        zone=zone,
        holiday=catalog.holidays.name_of(business_date),
        feeds=tuple(feeds),
        owed=tuple(sorted(owed, key=lambda o: (o.deadline, o.kind, o.subject))),
    )


def _expected(feed: Feed, catalog: Catalog, day: date, zone: ZoneInfo) -> ExpectedFeed:
    schedule, times = feed.schedule, feed.deadlines
    word = schedule.word_on(day, catalog.holidays)
    rounds = tuple(PlannedRound(r.files, wall_instant(day, r.by, zone)) for r in schedule.rounds)
    return ExpectedFeed(
        feed=feed.feed,
        title=feed.title,
        system=feed.system,
        domain=feed.domain,
        is_expected=word.is_expected,
        why=word.why,
        files=feed.arrival.min_files if word.is_expected else 0,
        expected_by=wall_instant(day, times.expected_by, zone),
        late_at=wall_instant(day, times.late_at, zone),
        deadline=wall_instant(day, times.deadline, zone),
        may_be_skipped=feed.on_failure == "skip",
        rounds=rounds if word.is_expected else (),
        every=_minutes(schedule.every_min),
        alert_after=_minutes(schedule.alert_after_min),
    )


def _minutes(given: int | None) -> timedelta | None:
    return None if given is None else timedelta(minutes=given)


def _publication(domain: str, day: date, zone: ZoneInfo) -> Owed:
    return Owed(
        kind="publication",
        subject=domain,
        title=f"{domain} published",
        domain=domain,
        start_at=wall_instant(day, DOMAIN_STARTS[domain], zone),
        late_at=None,
        deadline=wall_instant(day, DOMAIN_DEADLINES[domain], zone),
    )


def _deliveries(contract: Delivery, day: date, zone: ZoneInfo) -> Iterator[Owed]:
    """Yield the file a delivery owes a business date, and on the Monday of a report week what the partner reports on.

    A delivery without a watch is owed every day.
    """
    watch = contract.watch if isinstance(contract, OpowerBillingDelivery | OpowerIntervalDelivery) else Watch()
    start_at = wall_instant(day, DOMAIN_STARTS[contract.domain], zone)
    if is_owed_on(watch, day):
        by = watch.by or contract.deadline
        yield Owed(
            kind="delivery",
            subject=contract.delivery,
            title=f"{contract.title} delivered",
            domain=contract.domain,
            start_at=start_at,
            late_at=wall_instant(day, by, zone) if by < contract.deadline else None,
            deadline=wall_instant(day, max(by, contract.deadline), zone),
        )
    if isinstance(contract, OpowerBillingDelivery | OpowerIntervalDelivery) and is_report_monday(watch, day):
        yield Owed(
            kind="report",
            subject=contract.delivery,
            title=f"{contract.title} there for the partner's reports",
            domain=contract.domain,
            start_at=wall_instant(day - timedelta(days=7), watch.start_of_business, zone),
            late_at=None,
            deadline=wall_instant(day, watch.start_of_business, zone),
        )


def is_owed_on(watch: Watch, day: date) -> bool:
    """Whether a delivery's file is owed for a business date."""
    return WEEKDAYS[day.weekday()] in watch.days


def is_report_monday(watch: Watch, day: date) -> bool:
    """Whether a day is the Monday of a week in which the partner makes its reports."""
    if day.weekday():
        return False
    return watch.report_weeks == "every" or (not isinstance(watch.report_weeks, str) and day in watch.report_weeks)
