"""A map service of the ArcGIS kind behind an OAuth login, answering from a list of features in memory.

Belongs here: its tokens, its paging, its question about edit times, and the ways in which it can go wrong. Does not
belong here: what must become of its features.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.http_server import LocalServer, Refusal, Reply, Request

CLIENT, SECRET = "nightwatt", "a secret: with & and %"
EDITED = re.compile(r"last_edited_date >= TIMESTAMP '([^']+)'")


def feature(number: int, edited: str = "2026-03-08 12:00", **attributes: Any) -> dict[str, Any]:
    """Return a pole; its edit time is written as the service does, in milliseconds."""
    at = datetime.fromisoformat(edited).replace(tzinfo=UTC)
    known = {
        "OBJECTID": number,
        "GLOBALID": f"{{00000000-0000-0000-0000-{number:012}}}",
        "ASSET_TYPE": "POLE",
        "HEIGHT_M": 12.5,
        "last_edited_date": int(at.timestamp() * 1000),
    }
    return {"attributes": known | attributes, "geometry": {"x": -73.9 - number / 1000, "y": 40.7}}


@dataclass
class Gis(LocalServer):
    """One layer of features, three to a page at most."""

    features: list[dict[str, Any]] = field(default_factory=list)
    page_size: int = 3
    token_seconds: int = 3600
    tokens: int = 0
    accepted: set[str] = field(default_factory=set)
    asked: list[dict[str, str]] = field(default_factory=list)
    instead: list[Reply] = field(default_factory=list)
    """What the next questions for rows are answered with instead, one each."""
    before_page: Callable[[int], None] = lambda number: None
    """Called with the number of each page, from 1, before it is made."""

    ROUTES = (
        ("POST", r"/token", "token"),
        ("GET", r"(?:/arcgis/rest)?/services/network/FeatureServer/0/query\?.*", "query"),
        ("GET", r"/api/poles(?:\?.*)?", "poles"),
    )

    def token(self, request: Request) -> Reply:
        said = parse_qs(request.body.decode())
        basic = request.headers.get("Authorization", "")
        if basic:
            client, _, secret = base64.b64decode(basic.removeprefix("Basic ")).decode().partition(":")
        else:
            client, secret = said.get("client_id", [""])[0], said.get("client_secret", [""])[0]
        if (client, secret) != (CLIENT, SECRET) or said["grant_type"] != ["client_credentials"]:
            return Reply.of({"error": "invalid_client", "error_description": f"no client {client}"}, 401)
        self.tokens += 1
        self.accepted = {f"token-{self.tokens}"}
        return Reply.of(
            {"access_token": f"token-{self.tokens}", "token_type": "Bearer", "expires_in": self.token_seconds}
        )

    def query(self, request: Request) -> Reply:
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.accepted:
            return Reply.of({"error": {"code": 498, "message": "Invalid token."}})
        asked = {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}
        self.asked.append(asked)
        if self.instead:
            return self.instead.pop(0)
        self.before_page(len(self.asked))
        found = [f for f in self.features if self._is_edited(f, asked["where"])]
        offset = int(asked.get("resultOffset", "0"))
        page = found[offset : offset + self.page_size]
        return Reply.of({"features": page, "exceededTransferLimit": offset + len(page) < len(found)})

    def poles(self, request: Request) -> Reply:
        """Answer in the other two ways of paging: an address of the next page, or a token for it."""
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.accepted:
            raise Refusal(401, "UNAUTHORIZED", "no token")
        asked = {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}
        self.asked.append(asked)
        if self.instead:
            return self.instead.pop(0)
        offset = int(asked.get("from", asked.get("cursor", "0")))
        rows = [f["attributes"] for f in self.features[offset : offset + self.page_size]]
        following = offset + self.page_size if offset + self.page_size < len(self.features) else None
        link = f"/api/poles?from={following}&kept=yes" if following else None
        return Reply.of({"data": {"rows": rows}, "links": {"next": link}, "cursor": following})

    @staticmethod
    def _is_edited(feature: dict[str, Any], where: str) -> bool:
        if where == "1=1":
            return True
        found = EDITED.fullmatch(where)
        if found is None:
            raise Refusal(400, "BAD_WHERE", "where is not understood")
        since = datetime.fromisoformat(found[1]).replace(tzinfo=UTC)
        return bool(feature["attributes"]["last_edited_date"] >= since.timestamp() * 1000)
