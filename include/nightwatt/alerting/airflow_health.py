"""Airflow's own word on whether its services live: its health page, which asks for no login.

Belongs here: reading that page. Does not belong here: how long a silence is too long (`house_conditions.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2

from nightwatt import log

_log = log.get("alerting")

PATH = "/api/v2/monitor/health"
TIMEOUT_S = 10.0
SERVICES = ("scheduler", "triggerer", "dag_processor")


@dataclass(frozen=True)
class Health:
    """When each of Airflow's services was last known to live; those that never ran are left out."""

    seen: Mapping[str, datetime]


def read_health(url: str, client: httpx2.Client | None = None) -> Health | None:
    """Ask Airflow; None if it does not answer as it should."""
    try:
        with client or httpx2.Client(timeout=TIMEOUT_S) as opened:
            answer = opened.get(url.rstrip("/") + PATH)
            answer.raise_for_status()
            return _health(answer.json())
    except (httpx2.HTTPError, ValueError) as e:
        _log.warning("airflow does not answer", error=type(e).__name__)
        return None


def _health(page: object) -> Health:
    if not isinstance(page, dict):
        raise ValueError("the health page is no mapping")
    return Health({name: at for name in SERVICES if (at := _latest(page.get(name), name))})


def _latest(service: Any, name: str) -> datetime | None:
    latest = service.get(f"latest_{name}_heartbeat") if isinstance(service, dict) else None
    if not isinstance(latest, str):
        return None
    at = datetime.fromisoformat(latest)
    return at if at.tzinfo else at.replace(tzinfo=UTC)
