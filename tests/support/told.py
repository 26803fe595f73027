"""Looks at conditions given by hand: alerts and messages as a real look leaves them, without any night.

Belongs here: taking the looks, and what was said, in a form easy to compare. Does not belong here: expectations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from nightwatt.alerting.channels import Sender
from nightwatt.alerting.outbox import Outbox, Sent
from nightwatt.alerting.telling import Listening
from nightwatt.alerting.texts import Message
from nightwatt.contracts.alerting import Alerting
from nightwatt.errors import TransientError
from nightwatt.ledger import Ledger, alerts
from nightwatt.ledger.alerts import Condition
from nightwatt.ledger.models import Severity
from nightwatt.stages.watching import settle_alerts

NEW_YORK = ZoneInfo("America/New_York")
ONE = Alerting()
"""Everything through the log and the file."""


def alerting(**sections: Any) -> Alerting:
    """`alerting.yaml` with two channels, told everything unless said otherwise."""
    channels = {name: {"kind": "file", "path": f"{name}.jsonl"} for name in ("mail", "pager")}
    return Alerting.model_validate({"channels": channels, "routes": [{"channels": ["mail"]}]} | sections)


@dataclass
class Post:
    """Takes what is sent, unless a channel is broken."""

    messages: list[Message] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def __call__(self, channel: str) -> Sender:
        """Return the sender of a channel."""
        return self

    def send(self, message: Message) -> None:
        """Take a message."""
        if message.channel in self.broken:
            raise TransientError("channel.not_sent", f"{message.channel} did not take the message")
        self.messages.append(message)

    def taken(self) -> list[tuple[str, str, str, list[str]]]:
        """Channel, kind, severity and the alerts of each message since the last time."""
        said = [
            (m.channel, m.kind.value, m.severity.value, [f"{a['code']} {a['subject']}" for a in m.alerts])
            for m in self.messages
        ]
        self.messages.clear()
        return said


@dataclass
class Scene:
    """A ledger, who is told, and a clock that goes a minute on at each look."""

    ledger: Ledger
    alerting: Alerting
    post: Post = field(default_factory=Post)

    def __post_init__(self) -> None:
        self.now = datetime(2026, 3, 9, 2, 0, tzinfo=NEW_YORK)
        self.ledger.clock = lambda: self.now

    def look(self, *found: Condition) -> list[tuple[str, str, str, list[str]]]:
        """Look a minute later, with these conditions and no others; returns what was said."""
        self.now += timedelta(minutes=1)
        self.settle(found)
        self.send()
        return self.post.taken()

    def settle(self, found: Sequence[Condition]) -> None:
        """Settle the alerts and plan the messages."""
        with self.ledger.write() as session:
            settle_alerts(session, found, Listening(self.alerting, self.now, NEW_YORK), "watchdog")

    def send(self) -> Sent:
        """Send what is due."""
        return Outbox(self.ledger, self.alerting, self.post, NEW_YORK, "watchdog").send_due()

    def acknowledge(self, subject: str) -> None:
        """Let somebody take the alert about a subject in hand."""
        with self.ledger.write() as session:
            [number] = [a.id for a in alerts.standing(session) if a.subject == subject]
            alerts.acknowledge(session, number, "kim", None, self.now)

    def standing(self) -> list[tuple[str, str, Severity]]:
        """Code, subject and severity of the alerts that stand."""
        with self.ledger.read() as session:
            return [(a.code, a.subject, Severity(a.severity)) for a in alerts.standing(session)]
