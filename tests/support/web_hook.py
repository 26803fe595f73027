"""A web hook on this machine, that takes what is posted to it and keeps it.

Belongs here: the server. Does not belong here: what should come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.support.http_server import LocalServer, Reply, Request


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
