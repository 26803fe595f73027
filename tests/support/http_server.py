"""A small HTTP server on this machine for tests that speak a partner's protocol over a real socket.

Belongs here: sockets, threads, requests and replies. Does not belong here: any partner's rules (`bulk_api`,
`data_cloud`).
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

HOST = "127.0.0.1"
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Request:
    """What a client asked. A body over the server's limit is read off the wire and dropped; its size is known."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    size: int

    def json(self) -> dict[str, Any]:
        """Return the body as a JSON object, or refuse."""
        try:
            said = json.loads(self.body or b"{}")
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise Refusal(400, "JSON_PARSER_ERROR", "the body is no JSON object")
        return said


@dataclass(frozen=True)
class Reply:
    """What a server says."""

    status: int
    body: bytes = b""
    content_type: str = "application/json;charset=UTF-8"

    @classmethod
    def of(cls, said: object, status: int = 200) -> Reply:
        """Say something in JSON."""
        return cls(status, json.dumps(said).encode())

    @classmethod
    def csv(cls, text: str) -> Reply:
        """Say a table."""
        return cls(200, text.encode(), "text/csv")


class Refusal(Exception):
    """The server does not do it, and says why."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status, self.code, self.message = status, code, message

    def reply(self) -> Reply:
        """Say so, in the form of Salesforce's REST APIs."""
        return Reply.of([{"errorCode": self.code, "message": self.message}], self.status)


Action = Callable[..., Reply]


def one_of(asked: Mapping[str, Any], name: str, known: Sequence[str], default: str | None = None) -> str:
    """Return a value of a request's body, or refuse it."""
    value = asked.get(name, default)
    if value not in known:
        raise Refusal(400, "INVALIDJOB", f"InvalidJob : {name} must be one of {', '.join(known)}")
    return str(value)


@dataclass
class LocalServer:
    """Answers requests on a free port of 127.0.0.1, one at a time, until stopped."""

    keep_bytes: int = 200_000_000
    """Bodies longer than this are dropped unread."""
    certificate: tuple[Path, Path] | None = None
    """Certificate and key to speak TLS with."""
    served: list[str] = field(default_factory=list, init=False)
    """`METHOD path -> status` of every request, in order."""

    ROUTES: ClassVar[Sequence[tuple[str, str, str]]] = ()
    """Method, pattern of the whole path, name of the method that answers (given the request and the groups)."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._http = _Http((HOST, 0), _handler(self))
        if self.certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(*self.certificate)
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), name="local-http", daemon=True)

    @property
    def port(self) -> int:
        """The port."""
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        """Address without a path."""
        return f"http{'s' if self.certificate else ''}://{HOST}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._http.hang_up()
        self._thread.join(10)

    def answer(self, request: Request) -> Reply:
        """Answer a request."""
        with self._lock:
            try:
                reply = self._routed(request)
            except Refusal as refusal:
                reply = refusal.reply()
            self.served.append(f"{request.method} {request.path} -> {reply.status}")
        return reply

    def _routed(self, request: Request) -> Reply:
        for method, pattern, name in self.ROUTES:
            found = re.fullmatch(pattern, request.path)
            if found and method == request.method:
                action: Action = getattr(self, name)
                return action(request, *found.groups())
        raise Refusal(404, "NOT_FOUND", "The requested resource does not exist")


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, *arguments: Any) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember a connection."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget it."""
        super().shutdown_request(request)
        self._open.discard(request)

    def hang_up(self) -> None:
        """End the connections that clients keep open."""
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # gone by itself


def _handler(server: LocalServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet, or every answer waits for the client's acknowledgement
        disable_nagle_algorithm = True

        def _do(self) -> None:
            if "Content-Length" not in self.headers and "Transfer-Encoding" in self.headers:
                self._say(Refusal(411, "LENGTH_REQUIRED", "send a Content-Length").reply())
                self.close_connection = True
                return
            size = int(self.headers.get("Content-Length") or 0)
            body = self._body(size)
            self._say(server.answer(Request(self.command, self.path, self.headers, body, size)))

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _do

        def _body(self, size: int) -> bytes:
            if size <= server.keep_bytes:
                return self.rfile.read(size)
            while size > 0 and (block := self.rfile.read(min(size, _BLOCK_BYTES))):
                size -= len(block)
            return b""

        def _say(self, reply: Reply) -> None:
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: paths of a test are no news."""

    return Handler
