"""A mail server on loopback that keeps what it is given.

Belongs here: taking messages and noting when they came. Does not belong here: what must be in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(frozen=True)
class Mail:
    """One message, and when it came."""

    at: datetime
    subject: str
    text: str
    to: tuple[str, ...]
    headers: Mapping[str, str]


@dataclass
class Mailbox:
    """What came so far, and where to send more."""

    port: int = 0
    refuses: bool = False
    mails: list[Mail] = field(default_factory=list)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """Take a message (aiosmtpd calls this)."""
        if self.refuses:
            return "554 no"
        message = cast("EmailMessage", message_from_bytes(cast("bytes", envelope.content), policy=policy.default))
        body = message.get_body(("plain", "html"))
        text = body.get_content() if body else ""
        headers = {name: str(value) for name, value in message.items()}
        self.mails.append(Mail(datetime.now(UTC), str(message["Subject"]), text, tuple(envelope.rcpt_tos), headers))
        return "250 kept"


@contextmanager
def mailbox(port: int) -> Iterator[Mailbox]:
    """Listen for the length of a block."""
    box = Mailbox(port)
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
