"""One look after the night: what is wrong now, what becomes of the alerts, who is told.

Belongs here: gathering what the verdict needs, and the order of a look. Does not belong here: the verdict, the rules of
alerts and messages, and sending (`alerting`).

A look may be taken by anybody at any time, side by side with others, and may die anywhere. Facts, verdict, alerts and
messages to send are one transaction, and one look at a time is in it. Sending comes after, and is safe by itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from nightwatt.alerting.channels import Sender, declared, sender
from nightwatt.alerting.conditions import Condition, Known, Night, conditions
from nightwatt.alerting.forecast import Forecast, forecasts
from nightwatt.alerting.lifecycle import settle
from nightwatt.alerting.outbox import Outbox, Sent, nowhere
from nightwatt.alerting.plan import NightPlan, night_plan
from nightwatt.alerting.telling import Listening, News, tell
from nightwatt.calendar import business_date
from nightwatt.contracts.alerting import Alerting
from nightwatt.contracts.delivery import OpowerDelivery
from nightwatt.ledger import alerts, durations, facts, hearts, notices, sendings
from nightwatt.ledger.models import Alert, Severity
from nightwatt.stages.alerts import alerting_of
from nightwatt.stages.platform import Platform
from nightwatt.stages.watching_sendings import judge_sendings

DAY = timedelta(days=1)
LATELY = timedelta(days=14)
"""How long ago an alert may have closed and still be part of a matter that is not over."""


@dataclass(frozen=True)
class Beat:
    """The sign of life a watcher gives by its look."""

    name: str
    every_s: int | None  # how often it promises to look; None: it promises nothing


@dataclass(frozen=True)
class WatchSummary:
    """What one look found and did."""

    at: datetime
    standing: tuple[Alert, ...]  # every alert that is not closed, loudest first
    opened: tuple[str, ...]  # codes and subjects
    escalated: tuple[str, ...]
    closed: tuple[str, ...]
    sent: Sent

    @property
    def is_good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.standing

    def lines(self) -> Iterator[str]:
        """Yield what an operator wants to read."""
        for alert in self.standing:
            hands = f" (in hand with {alert.acknowledged_by})" if alert.state == "acknowledged" else ""
            yield f"{alert.id} {alert.severity} {alert.code} {alert.subject}: {alert.message}{hands}"
        if self.is_good:
            yield "all is well"

    def to_dict(self) -> dict[str, Any]:
        """Return codes and counts."""
        return {
            "standing": len(self.standing),
            "opened": list(self.opened),
            "escalated": list(self.escalated),
            "closed": list(self.closed),
        } | asdict(self.sent)


def watch(platform: Platform, beat: Beat | None = None, at: Callable[[str], None] = nowhere) -> WatchSummary:
    """Look once: judge the nights, settle the alerts, send what is due.

    Args:
        platform: the home.
        beat: the watcher's sign of life; none from a person.
        at: called at each named step (tests end the process there).
    """
    alerting = alerting_of(platform)
    zone = platform.settings.tz
    with platform.ledger.write() as session:
        alerts.hold_for_settling(session)
        now = platform.clock()
        if beat is not None:
            hearts.beat(session, beat.name, now, beat.every_s, platform.started_by)
        found = verdict_at(platform, session, now)
        news = settle_alerts(session, found, Listening(alerting, now, zone), platform.started_by)
        standing = sorted(alerts.standing(session), key=lambda a: (-Severity(a.severity).rank, a.id))
        at("planned")
    at("settled")
    outbox = Outbox(platform.ledger, alerting, _senders(platform, alerting), zone, _me(platform), at)
    return WatchSummary(
        at=now,
        standing=tuple(standing),
        opened=_named(news.opened),
        escalated=_named(news.escalated),
        closed=_named(news.closed),
        sent=outbox.send_due(),
    )


def verdict_at(platform: Platform, session: Session, now: datetime) -> list[Condition]:
    """Return everything that is wrong at an instant: tonight, last night, and the nights of alerts that stand."""
    zone = platform.settings.tz
    tonight = business_date(now, zone)
    catalog = platform.catalog
    dates = sorted({tonight - DAY, tonight, *(day for day in facts.open_dates(session) if day <= tonight)})
    all_day = [name for name, feed in catalog.feeds.items() if feed.schedule.every_min]
    # Before the nights: on PostgreSQL each question sees what others have written by then, and what makes a home begin
    # (a first receipt, a first look) must be in the book of its night, or that night has "not started".
    house = facts.house(session, zone, all_day, tuple(alerting_of(platform).channels))
    books = facts.night_books(session, dates, zone)
    partners = [c for _, c in sorted(catalog.deliveries.items()) if isinstance(c, OpowerDelivery)]
    known = Known(
        catalog=catalog,
        house=house,
        zone=zone,
        tonight=tonight,
        findings=[f for contract in partners for f in judge_sendings(session, contract, now, zone)],
        owed_from={c.delivery: sendings.incremental_since(session, c.delivery) for c in partners},
    )
    plans = {day: night_plan(catalog, day, zone) for day in dates}
    nights = [Night(plans[day], books[day], _expected(session, plans[day], now)) for day in dates]
    return conditions(nights, known, now)


def _expected(session: Session, plan: NightPlan, now: datetime) -> Mapping[tuple[str, str], Forecast]:
    """Return when what a night owes will be done; nothing once all its deadlines have passed."""
    if all(owed.deadline <= now for owed in plan.owed):
        return {}
    day, zone = plan.business_date, plan.zone
    earlier = durations.history(session, day, zone)
    return forecasts(plan, earlier, durations.progress(session, day, zone), now).owed


def _senders(platform: Platform, alerting: Alerting) -> Callable[[str], Sender]:
    """Return what gives the sender of a channel by its name."""
    return lambda name: sender(name, declared(alerting, name), platform.settings.root)


def settle_alerts(session: Session, found: Sequence[Condition], listening: Listening, by: str) -> News:
    """Bring the alerts in line with what is wrong, and write down what is to be said; returns what changed."""
    news = _settle(session, found, listening.now, by)
    _plan(session, news, listening)
    return news


def _settle(session: Session, found: Sequence[Condition], now: datetime, by: str) -> News:
    rows = {row.open_key: row for row in alerts.standing(session) if row.open_key}
    settlement = settle({key: Severity(row.severity) for key, row in rows.items()}, found)
    for condition in (*settlement.worsens, *settlement.stays):
        alerts.see_again(rows[condition.key], condition, now)
    for key in settlement.closes:
        alerts.close(rows[key], now)
    opened = [alerts.raise_alert(session, condition, now, by) for condition in settlement.opens]
    session.flush()
    return News(opened, [rows[c.key] for c in settlement.worsens], [rows[key] for key in settlement.closes])


def _plan(session: Session, news: News, listening: Listening) -> None:
    """Write down what is to be said about what changed."""
    causes = {alert.cause for alert in (*news.opened, *news.escalated, *news.closed)}
    if not causes:
        return
    around = alerts.of_causes(session, causes, listening.now - LATELY)
    said = notices.of_alerts(session, [alert.id for alert in around])
    telling = tell(news, around, said, listening)
    notices.drop(session, telling.dropped)
    notices.plan(session, telling.planned)


def _named(changed: Sequence[Alert]) -> tuple[str, ...]:
    return tuple(f"{alert.code} {alert.subject}" for alert in changed)


def _me(platform: Platform) -> str:
    """Return who claims a message: two processes of one watcher are two."""
    return f"{platform.started_by} {os.getpid()}"[:255]
