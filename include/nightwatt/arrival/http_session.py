"""Asking one HTTP service: tokens, answers, and what each failure means.

Belongs here: the OAuth client, time and size limits, and the split of failures into a service that is away, one that
refuses us, and a path that is refused. Does not belong here: which pages are asked for (`http.py`).
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client

from nightwatt.arrival.json_rows import at, parse
from nightwatt.arrival.retries import Patience
from nightwatt.arrival.transport import PlaceRefused, SourceAway, SourceRefused
from nightwatt.connections.http import HttpSettings
from nightwatt.errors import NightWattError

LARGEST_ANSWER = 256 << 20

_LATER = {408, 425, 429, 498, 499}
_LOGIN = {401, 407}
_TOKEN_OVER = {"401", "498", "499"}  # what ArcGIS says of a token that is over, in an answer that says 200
_CORRECT = "correct `arrival.source.path` and `parameters`"
_SMALLER = "ask for smaller pages, by `arrival.source.parameters`"
_RIGHT = "ask the service's owner to let our client read this (its scope, ..._SCOPE)"
_ASK_ITS_OWNER = "it is asked again by itself; if it stays so, ask the service's owner"


class HttpSession:
    """A service that lets us in, for the length of a `with` block.

    Args:
        settings: address and OAuth client.
        patience: how often a service that does not answer is asked.
    """

    def __init__(self, settings: HttpSettings, patience: Patience) -> None:
        logging.getLogger("httpx2").setLevel(logging.WARNING)  # it would tell of every page, with what was asked
        self._settings = settings
        self._patience = patience
        self._open = ExitStack()
        options: dict[str, Any] = {
            "timeout": settings.timeout_seconds,
            "verify": ssl.create_default_context(cafile=settings.ca_file),
            "follow_redirects": False,  # a token goes to the address it is for, and nowhere else
            "headers": {"Accept": "application/json", "User-Agent": "nightwatt"},
        }
        self._oauth: OAuth2Client | None = None
        self._client: httpx2.Client
        if settings.token_url:
            self._oauth = self._client = OAuth2Client(
                settings.client_id,
                settings.secret(),
                token_endpoint_auth_method=settings.client_auth,
                token_endpoint=settings.token_url,
                grant_type="client_credentials",
                scope=settings.scope,
                **options,
            )
        else:
            self._client = httpx2.Client(**options)

    def __enter__(self) -> Self:
        self._open.enter_context(self._client)
        try:
            self._patience.with_(self._log_in)
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def ask(self, address: str, parameters: Mapping[str, str]) -> Any:
        """Return an answer's JSON, asking again while the service is away.

        Raises:
            SourceAway: `source.unreachable`.
            SourceRefused: `source.login`, `source.certificate`.
            PlaceRefused: `source.not_found`, `source.permission`, `source.refused`, `source.not_json`.
        """
        return self._patience.with_(lambda: self._ask(address, parameters))

    def _ask(self, address: str, parameters: Mapping[str, str]) -> Any:
        status, answer = self._answer(address, parameters)
        if self._oauth and _is_over(status, answer):  # taken back before its time, or clocks differ
            self._log_in()
            status, answer = self._answer(address, parameters)
        _check_said(status, answer, f"{self._settings.where}: asking for rows")
        return answer

    def _answer(self, address: str, parameters: Mapping[str, str]) -> tuple[int, Any]:
        what = f"{self._settings.where}: asking for rows"
        with self._telling(what), self._client.stream("GET", address, params=dict(parameters) or None) as response:
            if response.status_code in _LOGIN and self._oauth:
                return response.status_code, None
            _check_status(response, what)
            body = bytearray()
            for block in response.iter_bytes():
                body += block
                if len(body) > LARGEST_ANSWER:
                    raise PlaceRefused("source.too_big", f"{what}: a page is over {LARGEST_ANSWER:,} bytes", _SMALLER)
        try:
            return response.status_code, parse(bytes(body))
        except (ValueError, RecursionError):
            # The parser's words quote the answer.
            raise PlaceRefused("source.not_json", f"{what}: the answer is no JSON", _CORRECT) from None

    def _log_in(self) -> None:
        if self._oauth is None:
            return
        what = f"{urlsplit(self._settings.token_url or '').netloc}: asking for a token"
        with self._telling(what):
            token = self._oauth.fetch_token(self._settings.token_url, grant_type="client_credentials")
        if not token or "access_token" not in token:
            raise SourceRefused("source.login", f"{what}: the answer holds no token", "check ..._TOKEN_URL")

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Tell failures apart, in words of our own: the service's may quote what was asked with."""
        try:
            yield
        except (httpx2.HTTPError, httpx2.StreamError, OAuthError, ValueError) as e:
            error = _meaning(e, what)
        else:
            return
        raise error from None


def _meaning(error: Exception, what: str) -> NightWattError:
    if isinstance(error, OAuthError):
        return SourceRefused(
            "source.login",
            f"{what}: refused ({_word(error.error)})",
            "check ..._CLIENT_ID, ..._CLIENT_SECRET_FILE and ..._SCOPE with the service's owner",
        )
    if isinstance(error, httpx2.ConnectError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return SourceRefused(
            "source.certificate",
            f"{what}: the service's certificate is not one we trust",
            "nothing was asked; if its owner uses a certificate authority of their own, set ..._CA_FILE",
        )
    # Of other errors the words may quote what the service sent.
    why = f": {error}" if isinstance(error, httpx2.ConnectError | httpx2.TimeoutException) else ""
    return SourceAway("source.unreachable", f"{what}: {type(error).__name__}{why}", _ASK_ITS_OWNER)


def _check_status(response: httpx2.Response, what: str) -> None:
    status = response.status_code
    if status in _LATER or status >= 500:
        wait = response.headers.get("Retry-After", "")
        raise SourceAway(
            "source.unreachable",
            f"{what}: it answers {status}",
            _ASK_ITS_OWNER,
            after_seconds=float(wait) if wait.isascii() and wait.isdigit() else 0.0,
        )
    if status in _LOGIN:
        raise SourceRefused("source.login", f"{what}: it answers {status}", "it asks for a login: set ..._TOKEN_URL")
    if status == 403:
        raise PlaceRefused("source.permission", f"{what}: it answers 403", _RIGHT)
    if status in {404, 410}:
        raise PlaceRefused("source.not_found", f"{what}: it answers {status}", "correct `arrival.source.path`")
    if status != 200:
        raise PlaceRefused("source.refused", f"{what}: it answers {status}", _CORRECT)


def _is_over(status: int, answer: Any) -> bool:
    return status in _LOGIN or str(at(answer, "error.code")) in _TOKEN_OVER


def _check_said(status: int, answer: Any, what: str) -> None:
    """Refuse an answer that holds an error, whatever its status says (ArcGIS answers 200 to everything)."""
    if _is_over(status, answer):
        raise SourceRefused("source.login", f"{what}: our token is not accepted", _RIGHT)
    code = at(answer, "error.code")
    if code is None:
        return
    if str(code).startswith("5"):
        raise SourceAway("source.unreachable", f"{what}: it answers error {_word(code)}", _ASK_ITS_OWNER)
    if str(code) == "403":
        raise PlaceRefused("source.permission", f"{what}: it answers error 403", _RIGHT)
    raise PlaceRefused("source.refused", f"{what}: it answers error {_word(code)}", _CORRECT)


def _word(code: object) -> str:
    """Return a code fit for a message: the service chose it."""
    text = str(code)[:40]
    return text if text.isascii() and text.replace("_", "").replace("-", "").isalnum() else "an error without a code"
