"""Every page of ours inside Airflow wants a login, those that nobody thinks of too."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount, Route
from starlette.testclient import TestClient

OPEN_BY_INTENT: frozenset[str] = frozenset()
"""Addresses anybody may ask for. Empty: a route that is added here needs a reason beside it."""


def ours(server: TestClient) -> list[Mount]:
    return [r for r in server.app.routes if isinstance(r, Mount) and r.path.startswith("/nightwatt")]


def routes(mount: Mount) -> Iterator[tuple[str, str]]:
    """Yield method and address of everything a mounted app answers to, with the parameters filled in."""
    for route in walk(mount.routes):
        path = mount.path + route.path
        for name, value in (("{alert_id}", "1"), ("{night}", "2026-03-12"), ("{feed}", "ccb_bseg")):
            path = path.replace(name, value)
        for method in sorted(route.methods or {"GET"}):
            yield method, path.replace("{", "").replace("}", "")


def walk(found: list[BaseRoute]) -> Iterator[Route]:
    """Yield the routes; an app mounted inside ours would be covered by no login of ours, so there must be none."""
    for route in found:
        assert isinstance(route, Route | APIRoute), f"{route} is no plain route: does its app ask for a login?"
        yield route


def test_a_stranger_gets_nothing_from_any_route(server: TestClient) -> None:
    asked = {(method, path) for mount in ours(server) for method, path in routes(mount)}

    assert ("GET", "/nightwatt/models/") in asked
    assert {("GET", "/nightwatt/ops/"), ("POST", "/nightwatt/ops/alerts/1/acknowledge")} <= asked
    for method, path in sorted(asked):
        if path not in OPEN_BY_INTENT:
            answer = server.request(method, path, follow_redirects=False)
            assert answer.status_code in {401, 405}, f"{method} {path}: {answer.status_code}"


def test_the_frameworks_own_pages_are_not_there(server: TestClient) -> None:
    for mount in ours(server):
        for page in ("docs", "redoc", "openapi.json"):
            assert server.get(f"{mount.path}/{page}").status_code in {401, 404}


def test_a_broken_login_is_no_login(server: TestClient) -> None:
    for mount in ours(server):
        for method, path in routes(mount):
            answer = server.request(method, path, headers={"Authorization": "Bearer nonsense"}, follow_redirects=False)
            assert answer.status_code in {401, 403, 405}, path
