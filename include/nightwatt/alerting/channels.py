"""The ways a message gets out: a log line, a line in a file, and whatever Apprise has an address for.

Belongs here: handing one message to one channel. Does not belong here: which message, when, and trying again
(`outbox.py`).
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Protocol

from nightwatt import log
from nightwatt.alerting.texts import Message
from nightwatt.contracts.alerting import Alerting, Channel, FileChannel, LogChannel
from nightwatt.errors import TerminalError
from nightwatt.ledger.models import NoticeKind, Severity

_log = log.get("alerting")

TAIL_BYTES = 1_000_000
"""How far back the file channel looks for a message it has written already."""


class Sender(Protocol):
    """What gets a message out; raises a NightWattError if it cannot."""

    def send(self, message: Message) -> None:
        """Send one message."""


def sender(name: str, channel: Channel, root: Path) -> Sender:
    """Return what sends through a channel.

    Args:
        name: the channel's.
        channel: its declaration.
        root: the home.
    """
    if isinstance(channel, LogChannel):
        return LogSender()
    if isinstance(channel, FileChannel):
        return FileSender(root / channel.path)
    from nightwatt.alerting.apprise_channel import AppriseSender, address

    return AppriseSender(name, address(name, channel))


def declared(alerting: Alerting, name: str) -> Channel:
    """Return a channel by name.

    Raises:
        TerminalError: `channel.unknown`.
    """
    if name not in alerting.channels:
        raise TerminalError(
            "channel.unknown", f"there is no channel {name!r}", f"known channels: {', '.join(alerting.channels)}"
        )
    return alerting.channels[name]


class LogSender:
    """One line in the log, as loud as the message."""

    def send(self, message: Message) -> None:
        """Write the line."""
        is_loud = message.severity is Severity.CRITICAL and message.kind is not NoticeKind.CLOSED
        tell = _log.error if is_loud else _log.warning
        tell(
            "alert",
            kind=str(message.kind),
            cause=message.cause,
            subject=message.subject,
            alerts=",".join(str(a["id"]) for a in message.alerts),
        )


class FileSender:
    """One line of JSON a message; one that is there already is not written again."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def send(self, message: Message) -> None:
        """Append the line and see it to the disk."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        line = (json.dumps(_line(message), ensure_ascii=False) + "\n").encode()
        with self._path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - TAIL_BYTES))
            before = file.read()
            if f'"message_id": "{message.message_id}"'.encode() in before:
                return
            if before and not before.endswith(b"\n"):  # whoever wrote last died in the middle of it
                line = b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


def _line(message: Message) -> dict[str, object]:
    return {
        "at": message.at.isoformat(),
        "channel": message.channel,
        "kind": str(message.kind),
        "severity": str(message.severity),
        "cause": message.cause,
        "night": str(message.night) if message.night else None,
        "alerts": list(message.alerts),
        "subject": message.subject,
        "text": message.text,
        "message_id": message.message_id,
    }
