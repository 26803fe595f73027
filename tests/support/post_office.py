"""A mail server and a web hook on this machine, that take what is sent to them and keep it.

Belongs here: the servers. Does not belong here: what should come.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, ClassVar

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from tests.support.http_server import HOST, LocalServer, Reply, Request


@dataclass
class MailBox:
    """Takes mail, or refuses it."""

    port: int = 0
    refuses: bool = False
    mails: list[EmailMessage] = field(default_factory=list)
    to: list[str] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep a mail."""
        if self.refuses:
            return "554 no"
        mail = message_from_bytes(bytes(envelope.content or b""), policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.to += envelope.rcpt_tos
        return "250 OK"


class _Started(Controller):
    """Finds out which port it was given before it tries whether it answers there."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def mail_box() -> Iterator[MailBox]:
    """Run a mail server for the length of a block."""
    box = MailBox()
    controller = _Started(box, hostname=HOST, port=0)
    controller.start()
    box.port = controller.port
    try:
        yield box
    finally:
        controller.stop()


@dataclass
class WebHook(LocalServer):
    """Takes whatever is posted anywhere."""

    posted: list[tuple[str, dict[str, Any]]] = field(default_factory=list, init=False)
    seen: list[str] = field(default_factory=list, init=False)
    status: int = 202
    says: bytes = b'{"status": "success"}'

    ROUTES: ClassVar[Sequence[tuple[str, str, str]]] = (("POST", "/.*", "take"), ("GET", "/.*", "see"))

    def take(self, request: Request) -> Reply:
        """Keep what was posted."""
        self.posted.append((request.path, request.json()))
        return Reply(self.status, self.says)

    def see(self, request: Request) -> Reply:
        """Answer a call."""
        self.seen.append(request.path)
        return Reply(self.status, self.says)
