"""Turning what a page shows into HTML.

Belongs here: the template engine, how values are written, the headers of every answer. Does not belong here: what is
shown (the routes) and what it means (`nightwatt.stages`).
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from nightwatt.alerting.verdict import span
from nightwatt.settings import Settings
from nightwatt.stages.board_words import clock_time, counted
from nightwatt_airflow.ops_page.access import form_token, may_act

HERE = Path(__file__).parent
STATIC = {"ops.css": "text/css", "ops.js": "text/javascript", "icon.svg": "image/svg+xml"}

HEADERS = {
    # Nothing from elsewhere, no script or style inside the page, and no form that leads away.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@cache
def static_version() -> str:
    """Return a name for the present content of style and script, so that browsers may keep them for good."""
    content = b"".join((HERE / "static" / name).read_bytes() for name in sorted(STATIC))
    return hashlib.sha256(content).hexdigest()[:12]


@cache
def _environment() -> Environment:
    engine = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    engine.filters.update(number=number, size=size, night=night, day=day, counted=counted)
    return engine


def page(template: str, request: Request, user: BaseUser, **shown: Any) -> HTMLResponse:
    """Render a page for a user who is logged in."""
    zone = Settings().tz
    return _answer(
        template,
        200,
        base=request.scope.get("root_path", ""),
        airflow=_airflow(request),
        here=request.url.path,
        acts=may_act(user),
        token=form_token(user),
        zone=zone,
        at=lambda instant, of=None: clock_time(instant, zone, of),
        span=span,
        done=request.query_params.get("done", ""),
        **shown,
    )


def message_page(request: Request, status: int, title: str, message: str, remedy: str = "") -> HTMLResponse:
    """Render a page that says why there is nothing else; it needs no login and shows nothing."""
    return _answer(
        "message.html",
        status,
        base=request.scope.get("root_path", ""),
        airflow=_airflow(request),
        title=title,
        message=message,
        remedy=remedy,
        needs_login=status == 401,
    )


def _answer(template: str, status: int, **shown: Any) -> HTMLResponse:
    text = _environment().get_template(template).render(version=static_version(), **shown)
    return HTMLResponse(text, status_code=status, headers=HEADERS)


def _airflow(request: Request) -> str:
    """Return the address under which Airflow's own pages lie."""
    root: str = request.scope.get("root_path", "")
    return root.removesuffix("/nightwatt/ops")


def number(value: float | Decimal | None) -> str:
    """Write a number with thousands separators; a dash where there is none."""
    return "–" if value is None else f"{value:,}"


def size(octets: int) -> str:
    """Write a file's size as people say it."""
    amount = float(octets)
    for unit in ("bytes", "kB", "MB"):
        if amount < 1000:
            return f"{amount:,.0f} {unit}" if unit == "bytes" else f"{amount:,.1f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} GB"


def night(value: date) -> str:
    """Write a business date in full."""
    return f"{value:%A} {value.day} {value:%B %Y}"


def day(value: date) -> str:
    """Write a business date briefly."""
    return f"{value:%a} {value.day} {value:%b}"


def local(instant: datetime, zone: ZoneInfo) -> datetime:
    """Return an instant on the utility's clock."""
    return instant.astimezone(zone)
