"""What a message says: read by somebody tired at five in the morning.

Belongs here: subject and text of a message about some alerts. Does not belong here: when and to whom (`telling.py`).

First how bad and what, then why, then what to press, then who else waits for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from nightwatt.contracts.alerting import Alerting
from nightwatt.ledger.models import Alert, AlertState, NoticeKind, Severity

PHRASES: Mapping[str, str] = {
    "feed.late": "{} is late",
    "feed.missing": "{} is missing",
    "feed.unknown_file": "unknown files in {}",
    "feed.unreadable": "{} is on hold, unreadable",
    "feed.rejects_over_tolerance": "{} is on hold, too many rejects",
    "feed.incomplete": "{} is not whole",
    "feed.lagging": "{} lags behind",
    "deadline.at_risk": "{} is at risk",
    "deadline.missed": "{} missed its deadline",
    "publication.refused": "{} was not published",
    "publication.stale": "readers see an old {}",
    "stage.failed": "{} failed",
    "reconcile.over_tolerance": "{} does not reconcile",
    "usage.missing_meters": "meters of {} did not report",
    "delivery.failed": "{} could not be sent",
    "delivery.unknown": "{} may or may not have arrived",
    "delivery.missing": "{} was not sent",
    "delivery.missing_for_report": "{} is missing for the partner's reports",
    "delivery.rows_low": "{} has few rows",
    "delivery.meters_low": "{} has few service points",
    "delivery.population_shrank": "{} has shrunk",
    "source.unreachable": "{} cannot be reached",
    "night.not_started": "{} has not started",
    "service.silent": "{} is silent",
    "channel.failed": "{} lets no message through",
}


MOST = 5
"""How many alerts of one kind are told in full; the rest are counted."""


@dataclass(frozen=True)
class Message:
    """One message, ready for any channel."""

    message_id: str
    channel: str
    kind: NoticeKind
    severity: Severity
    cause: str
    night: date | None  # of what it is about; what is about no night belongs to the one in which it began
    at: datetime
    subject: str
    text: str
    alerts: Sequence[Mapping[str, Any]]


def compose(
    rows: Sequence[tuple[NoticeKind, Alert]],
    others: Sequence[Alert],
    alerting: Alerting,
    zone: ZoneInfo,
    at: datetime,
) -> tuple[NoticeKind, str, str]:
    """Return kind, subject and text of a message.

    Args:
        rows: what is said of which alert.
        others: more alerts of the same cause that stand.
        alerting: where runbooks and the ops page are.
        zone: the utility's.
        at: now.
    """
    kinds = {kind for kind, _ in rows}
    is_over = NoticeKind.CLOSED in kinds
    kind = next(k for k in (NoticeKind.CLOSED, NoticeKind.ESCALATED, NoticeKind.OPENED) if k in kinds)
    alerts = sorted((alert for _, alert in rows), key=_by_weight)
    subject = _subject(alerts, is_over, zone, at)
    lines = [subject, "", *_over(alerts, zone)] if is_over else [*_standing(alerts, others, alerting, zone, subject)]
    return kind, subject, "\n".join(lines) + "\n"


def loudest(alerts: Sequence[Alert]) -> Severity:
    """Return the severity of the loudest alert."""
    return max((Severity(a.severity) for a in alerts), key=lambda s: s.rank)


def phrase(alert: Alert) -> str:
    """Say what is wrong in a few words."""
    return PHRASES.get(alert.code, "{}: " + alert.code).format(alert.subject)


def plain(alert: Alert) -> dict[str, Any]:
    """Return an alert as plain values."""
    return {
        "id": alert.id,
        "code": alert.code,
        "subject": alert.subject,
        "business_date": str(alert.business_date) if alert.business_date else None,
        "domain": alert.domain,
        "severity": alert.severity,
        "state": alert.state,
        "message": alert.message,
    }


def _by_weight(alert: Alert) -> tuple[int, int, int]:
    """Put broken promises first, then what is loudest, then what was there first."""
    return (0 if alert.code == "deadline.missed" else 1, -Severity(alert.severity).rank, alert.id)


def _subject(alerts: Sequence[Alert], is_over: bool, zone: ZoneInfo, at: datetime) -> str:
    word = "OVER" if is_over else loudest(alerts).value.upper()
    more = f" and {len(alerts) - 1} more" if len(alerts) > 1 else ""
    night = next((a.business_date for a in alerts if a.business_date), None)
    of_night = f", night of {night:%a %d %b}" if night else ""
    return f"{word} {at.astimezone(zone):%H:%M} NightWatt: {phrase(alerts[0])}{more}{of_night}"


def _standing(
    alerts: Sequence[Alert], others: Sequence[Alert], alerting: Alerting, zone: ZoneInfo, subject: str
) -> Iterator[str]:
    yield subject
    for group in _by_code(alerts):
        yield ""
        yield from _one(group[0], alerting, zone) if len(group) == 1 else _several(group, alerting, zone)
    named = dict.fromkeys(text for alert in alerts for text in alert.evidence.get("affects", ()))
    waiting = [text for text in named if not any(a.message.startswith(text) for a in alerts)]
    if waiting:
        yield ""
        yield "Waiting for this:"
        yield from (f"  - {text}" for text in waiting)
    if others:
        yield ""
        yield "Open for the same reason:"
        yield from (f"  - {_headline(group)}, {_hands(group)}" for group in _by_code(others))
    if alerting.page:
        yield ""
        yield f"The night: {alerting.page}"


def _by_code(alerts: Sequence[Alert]) -> list[list[Alert]]:
    """Return alerts together that say the same of several subjects, in the order in which the first of each stands."""
    groups: dict[str, list[Alert]] = {}
    for alert in alerts:
        groups.setdefault(alert.code, []).append(alert)
    return list(groups.values())


def _headline(group: Sequence[Alert]) -> str:
    names = ", ".join(a.subject for a in group[:3]) + (f" and {len(group) - 3} more" if len(group) > 3 else "")
    said = phrase(group[0]) if len(group) == 1 else f"{len(group)} times {group[0].code}: {names}"
    return f"{said} [{group[0].code}]" if len(group) == 1 else said


def _one(alert: Alert, alerting: Alerting, zone: ZoneInfo) -> Iterator[str]:
    yield f"{alert.severity.upper()}  {_headline([alert])}"
    yield f"  Why:       {alert.message}"
    yield from _what_to_do([alert], alerting, zone)


def _several(group: Sequence[Alert], alerting: Alerting, zone: ZoneInfo) -> Iterator[str]:
    yield f"{group[0].severity.upper()}  {_headline(group)}"
    yield from (f"  - {alert.message}" for alert in group[:MOST])
    if len(group) > MOST:
        yield f"  - and {len(group) - MOST} more like these"
    yield from _what_to_do(group, alerting, zone)


def _what_to_do(group: Sequence[Alert], alerting: Alerting, zone: ZoneInfo) -> Iterator[str]:
    first = group[0]
    likewise = " (and likewise for the others)" if len(group) > 1 else ""
    numbers = " ".join(str(alert.id) for alert in group)
    yield f"  Do:        {first.remedy}{likewise}"
    if first.runbook:
        yield f"  Read:      {alerting.runbooks.rstrip('/')}/{first.runbook}.md"
    yield f"  Since:     {first.opened_at.astimezone(zone):%a %d %b %H:%M} ({zone.key})"
    yield f'  I have it: nightwatt alerts ack {numbers} --note "..."'


def _over(alerts: Sequence[Alert], zone: ZoneInfo) -> Iterator[str]:
    yield "What was wrong is over:"
    for alert in alerts:
        ended = alert.closed_at or alert.seen_at
        opened = alert.opened_at.astimezone(zone)
        yield f"  - {phrase(alert)} [{alert.code}], {opened:%a %H:%M} to {ended.astimezone(zone):%a %H:%M}"


def _hands(group: Sequence[Alert]) -> str:
    names = sorted({str(a.acknowledged_by) for a in group if a.state == AlertState.ACKNOWLEDGED})
    return f"in hand with {' and '.join(names)}" if names else f"alert {group[0].id}"
