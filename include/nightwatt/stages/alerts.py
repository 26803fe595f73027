"""Alerts for people: which there are, who has one in hand, and whether a channel works.

Belongs here: what the command line and the pages ask for. Does not belong here: looking (`watching`).
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from nightwatt.alerting.channels import declared, sender
from nightwatt.alerting.texts import Message
from nightwatt.contracts.alerting import Alerting
from nightwatt.contracts.catalog import load_alerting
from nightwatt.errors import NightWattError
from nightwatt.ledger import alerts, notices
from nightwatt.ledger.models import Alert, NoticeKind, Severity
from nightwatt.stages.platform import Platform


def acknowledge_alert(platform: Platform, alert_id: int, by: str, note: str | None = None) -> Alert:
    """Note who has an alert in hand: it speaks up again only when it gets worse.

    Raises:
        TerminalError: `alert.unknown`; `alert.closed`.
    """
    with platform.ledger.write() as session:
        return alerts.acknowledge(session, alert_id, by, note, platform.clock())


def standing_alerts(platform: Platform) -> list[Alert]:
    """Return the alerts that are not closed, loudest first."""
    with platform.ledger.read() as session:
        return sorted(alerts.standing(session), key=lambda a: (-Severity(a.severity).rank, a.id))


def newest_alerts(platform: Platform, limit: int) -> Sequence[Alert]:
    """Return the newest alerts, closed ones too, newest first."""
    with platform.ledger.read() as session:
        return alerts.newest(session, limit)


def alert(platform: Platform, alert_id: int) -> Alert:
    """Return one alert.

    Raises:
        TerminalError: `alert.unknown`.
    """
    with platform.ledger.read() as session:
        return alerts.get(session, alert_id)


def alerting_of(platform: Platform) -> Alerting:
    """Return how people are told."""
    return load_alerting(platform.settings.alerting or platform.catalog.folder / "alerting.yaml")


def try_channels(platform: Platform, names: Sequence[str] = ()) -> dict[str, NightWattError | None]:
    """Send a message through some channels, or all; returns for each why it did not go out, if so.

    A channel that lets it through counts as working again.

    Raises:
        TerminalError: `channel.unknown`.
    """
    alerting = alerting_of(platform)
    chosen = {name: declared(alerting, name) for name in names or alerting.channels}
    outcome: dict[str, NightWattError | None] = {}
    for name, channel in chosen.items():
        try:
            sender(name, channel, platform.settings.root).send(_trial(platform, name))
        except NightWattError as e:
            outcome[name] = e
        else:
            outcome[name] = None
            with platform.ledger.write() as session:
                notices.forgive(session, name)
    return outcome


def _trial(platform: Platform, channel: str) -> Message:
    now = platform.clock()
    subject = f"TEST {now.astimezone(platform.settings.tz):%H:%M} NightWatt: this is a test, nothing is wrong"
    return Message(
        message_id=uuid4().hex,
        channel=channel,
        kind=NoticeKind.OPENED,
        severity=Severity.WARNING,
        cause="test",
        night=None,
        at=now,
        subject=subject,
        text=f"{subject}\n\nIf you read this, the channel {channel} works. Nobody need do anything.\n",
        alerts=[],
    )
