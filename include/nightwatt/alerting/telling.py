"""What is worth saying after a look, to whom: one message for one cause, channel and look, and none twice.

Belongs here: the rule of messages, as pure functions. Does not belong here: words (`texts.py`), rows (`ledger.notices`)
and sending (`outbox.py`).

Alerts of one cause and night are one matter. A channel hears of a matter when it begins, when it becomes more serious,
when a promise to people is at risk or breaks, and when all of it is over; what joins a matter it has heard of is not
worth waking anybody for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from zoneinfo import ZoneInfo

from nightwatt.alerting.routing import channels_for, due_at
from nightwatt.calendar import business_date
from nightwatt.contracts.alerting import Alerting
from nightwatt.ledger.models import Alert, AlertState, Notice, NoticeKind, NoticeState, Severity
from nightwatt.ledger.notices import Planned

Matter = tuple[str, date]
"""A cause and a night; what is about no night belongs to tonight."""

PROMISES = ("deadline.", "delivery.")
"""Codes of promises to people that are broken, or will be: always said."""

_UNSAID = frozenset({NoticeState.DROPPED, NoticeState.FAILED})
_HEARD = frozenset({NoticeState.SENT, NoticeState.SENDING})
_TELLS = frozenset({NoticeKind.OPENED, NoticeKind.ESCALATED})


@dataclass(frozen=True)
class News:
    """What a look changed."""

    opened: Sequence[Alert] = ()
    escalated: Sequence[Alert] = ()
    closed: Sequence[Alert] = ()

    @property
    def worth_saying(self) -> Sequence[tuple[Alert, NoticeKind]]:
        """What began or got worse."""
        began = [(alert, NoticeKind.OPENED) for alert in self.opened]
        return began + [(alert, NoticeKind.ESCALATED) for alert in self.escalated]


@dataclass(frozen=True)
class Listening:
    """Who is told, and when."""

    alerting: Alerting
    now: datetime
    zone: ZoneInfo

    def due(self, channel: str, severity: Severity) -> datetime:
        """Return when something may be said."""
        return due_at(self.alerting, channel, severity, self.now, self.zone)

    def matter(self, alert: Alert) -> Matter:
        """Return what an alert is about."""
        return alert.cause, alert.business_date or business_date(alert.closed_at or self.now, self.zone)


@dataclass(frozen=True)
class Telling:
    """Messages to be sent, and notices that are not worth sending any more."""

    planned: tuple[Planned, ...] = ()
    dropped: tuple[int, ...] = ()


@dataclass
class _Matter:
    """One matter with all that has been said about it."""

    alerts: list[Alert] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return all(a.state == AlertState.CLOSED for a in self.alerts)

    def of(self, channel: str) -> list[Notice]:
        return [n for n in self.notices if n.channel == channel]

    def concluded(self, channel: str) -> set[int]:
        """Return the alerts whose end the channel has heard of."""
        return {n.alert_id for n in self.of(channel) if n.kind == NoticeKind.CLOSED and n.state not in _UNSAID}

    def loudest(self, channel: str, worse_now: Collection[int]) -> int:
        """Return how serious the channel has heard the matter to be, as a rank; -1 if it has not heard of it.

        An alert that was eased since counts as what it is; one that gets worse now counts as what it was before.
        """
        done = self.concluded(channel)
        standing = {
            a.id: Severity.WARNING.rank if a.id in worse_now else Severity(a.severity).rank for a in self.alerts
        }
        said = [n for n in self.of(channel) if n.kind in _TELLS and n.state not in _UNSAID and n.alert_id not in done]
        return max((min(Severity(n.severity).rank, standing[n.alert_id]) for n in said), default=-1)


def tell(news: News, around: Iterable[Alert], notices: Iterable[Notice], listening: Listening) -> Telling:
    """Work out what to say.

    Args:
        news: what the look changed.
        around: all alerts of the causes it touched: those that stand, and those closed lately; the news among them.
        notices: everything said, or to be said, about them.
        listening: who is told, and when.
    """
    matters = _matters(around, notices, listening)
    touched = dict.fromkeys(listening.matter(a) for a in (*news.opened, *news.escalated, *news.closed))
    planned: list[Planned] = []
    dropped: list[int] = []
    for key in touched:
        matter = matters[key]
        mine = [(alert, kind) for alert, kind in news.worth_saying if listening.matter(alert) == key]
        for channel in listening.alerting.channels:
            rows = [*_begin(matter, mine, channel, key, listening), *_end(matter, channel, key, listening)]
            planned += rows
            dropped += _not_worth_it(matter, channel, {row.alert_id for row in rows})
    return Telling(tuple(planned), tuple(dropped))


def _matters(around: Iterable[Alert], notices: Iterable[Notice], listening: Listening) -> Mapping[Matter, _Matter]:
    found: dict[Matter, _Matter] = defaultdict(_Matter)
    home: dict[int, _Matter] = {}
    for alert in around:
        home[alert.id] = found[listening.matter(alert)]
        home[alert.id].alerts.append(alert)
    for notice in notices:
        if notice.alert_id in home:
            home[notice.alert_id].notices.append(notice)
    return found


def _begin(
    matter: _Matter, news: Sequence[tuple[Alert, NoticeKind]], channel: str, key: Matter, listening: Listening
) -> Iterator[Planned]:
    """Yield the rows of the message that says what began or got worse, if a channel should hear of it."""
    mine = [
        (alert, kind)
        for alert, kind in news
        if channel in channels_for(listening.alerting, Severity(alert.severity), alert.domain)
        and (alert.topic, alert.subject) != ("channel", channel)  # what does not get out says so through the others
    ]
    known = matter.loudest(channel, {alert.id for alert, kind in news if kind is NoticeKind.ESCALATED})
    if any(Severity(a.severity).rank > known or a.code.startswith(PROMISES) for a, _ in mine):
        yield from _rows(mine, channel, key, listening)


def _end(matter: _Matter, channel: str, key: Matter, listening: Listening) -> Iterator[Planned]:
    """Yield the rows of the message that says that all is over, if the channel has heard that it began."""
    if not matter.is_over:
        return
    heard = {n.alert_id for n in matter.of(channel) if n.kind in _TELLS and n.state in _HEARD}
    over = [a for a in matter.alerts if a.id in heard - matter.concluded(channel)]
    yield from _rows([(alert, NoticeKind.CLOSED) for alert in over], channel, key, listening)


def _not_worth_it(matter: _Matter, channel: str, said_anew: set[int]) -> Iterator[int]:
    """Yield what waits to be said about alerts that have closed, or of which something newer is said."""
    closed = {a.id for a in matter.alerts if a.state == AlertState.CLOSED}
    for notice in matter.of(channel):
        is_old = notice.alert_id in closed | said_anew
        if is_old and notice.state == NoticeState.PENDING and notice.kind in _TELLS:
            yield notice.id


def _rows(
    said: Sequence[tuple[Alert, NoticeKind]], channel: str, key: Matter, listening: Listening
) -> Iterator[Planned]:
    if not said:
        return
    loudest = max((Severity(alert.severity) for alert, _ in said), key=lambda s: s.rank)
    parts = [channel, *map(str, key), *(f"{alert.id}.{kind}.{alert.escalations}" for alert, kind in said)]
    message_id = sha256("|".join(parts).encode()).hexdigest()[:32]
    for alert, kind in said:
        yield Planned(
            message_id=message_id,
            channel=channel,
            kind=kind,
            alert_id=alert.id,
            number=alert.escalations,
            severity=Severity(alert.severity),
            due_at=listening.due(channel, loudest),
        )
