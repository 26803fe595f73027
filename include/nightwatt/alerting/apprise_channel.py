"""Messages through Apprise: e-mail, Slack, PagerDuty, a webhook and many more, each an address.

Belongs here: reading an address from where it lies, and what Apprise is told of a message. Does not belong here: which
message goes out, and when.

An address holds passwords. It is read when a message goes out, and neither it nor what Apprise says of it is kept.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from apprise import Apprise, NotifyFormat, NotifyType
from apprise.plugins.base import NotifyBase
from apprise.plugins.email.base import NotifyEmail
from apprise.plugins.pagerduty import NotifyPagerDuty, PagerDutyAction

from nightwatt.alerting.texts import Message
from nightwatt.contracts.alerting import AppriseChannel
from nightwatt.errors import TerminalError, TransientError
from nightwatt.ledger.models import NoticeKind, Severity

_TYPES: Mapping[Severity, NotifyType] = {Severity.WARNING: NotifyType.WARNING, Severity.CRITICAL: NotifyType.FAILURE}


def address(name: str, channel: AppriseChannel) -> str:
    """Read a channel's address.

    Raises:
        TerminalError: `channel.not_set_up`, naming the variable or the file.
    """
    if channel.url_env is not None:
        found = os.environ.get(channel.url_env, "")
        place = f"the environment variable {channel.url_env}"
    else:
        path = Path(str(channel.url_file))
        found = path.read_text("utf-8") if path.is_file() else ""
        place = f"the file {path}"
    if not found.strip():
        raise TerminalError(
            "channel.not_set_up", f"channel {name} has no address: {place} is empty or absent", f"put it into {place}"
        )
    return found.strip()


class AppriseSender:
    """One Apprise address."""

    def __init__(self, name: str, url: str) -> None:
        self._name = name
        self._url = url

    def send(self, message: Message) -> None:
        """Send one message.

        Raises:
            TerminalError: `channel.not_set_up`, the address is none.
            TransientError: `channel.not_sent`.
        """
        service = self._service()
        _mark(service, message)
        over = message.kind is NoticeKind.CLOSED
        outbox = Apprise()
        outbox.add(service)
        sent = outbox.notify(
            title=message.subject,
            body=message.text,
            notify_type=NotifyType.SUCCESS if over else _TYPES[message.severity],
            body_format=NotifyFormat.TEXT,
        )
        if not sent:
            raise TransientError(
                "channel.not_sent",
                f"{self._name} ({service.service_name}) did not take the message",
                f"`nightwatt alerts test --channel {self._name}` tries it",
            )

    def _service(self) -> NotifyBase:
        service = Apprise.instantiate(self._url, suppress_exceptions=True)
        if not isinstance(service, NotifyBase):
            raise TerminalError(
                "channel.not_set_up",
                f"the address of channel {self._name} is none that Apprise knows",
                "correct it: https://github.com/caronc/apprise/wiki lists the forms",
            )
        return service


def _mark(service: NotifyBase, message: Message) -> None:
    """Let the receiver know a message again: one sent twice, and one that says that a matter is over."""
    matter = f"nightwatt:{message.cause}:{message.night or '-'}"
    if isinstance(service, NotifyPagerDuty):
        service.action, service.dedup = PagerDutyAction.MAP, matter
    if isinstance(service, NotifyEmail):
        service.headers |= {"X-NightWatt-Message": message.message_id, "X-NightWatt-Matter": matter}
