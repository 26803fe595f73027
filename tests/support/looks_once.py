"""A watcher in a process of its own: it looks and dies at a named step, or looks again and again beside others.

Belongs here: the home it looks at, and the process. Does not belong here: what must have been told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.processes import die

from nightwatt import stages
from nightwatt.ledger import Ledger
from nightwatt.settings import Settings
from nightwatt.stages import Platform

NOT_STARTED = datetime(2026, 3, 9, 4, 45, tzinfo=UTC)
"""00:45 in New York: billing should have begun, and is one message from here on."""

STEPS = ("planned", "settled", "claimed", "accepted")


def make_home(home: Path, address: str) -> None:
    """Make a home in which something happened earlier this night, and messages go to a file."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "alerting.yaml").write_text("channels: {file: {kind: file}}\nroutes: [{channels: [file]}]\n")
    ledger = Ledger.open(address, lambda: NOT_STARTED - timedelta(minutes=30))
    with ledger.run("build", "billing", date(2026, 3, 8), "cli"):
        pass
    ledger.close()


def look(home: Path, address: str, minutes: int = 0, step: str = "") -> None:
    """Look once, so many minutes after billing should have begun; die at a step."""

    def at(name: str) -> None:
        if name == step:
            die()

    now = NOT_STARTED + timedelta(minutes=minutes)
    with Platform.open("watchdog", _settings(home, address), clock=lambda: now) as platform:
        stages.watch(platform, at=at)


def look_beside_others(home: Path, address: str, start: Any, times: int) -> None:
    """Look several times at once with others, a minute apart by the clock."""
    with Platform.open("watchdog", _settings(home, address), clock=lambda: NOT_STARTED) as platform:
        start.wait(60)
        for _ in range(times):
            stages.watch(platform)


def told(home: Path) -> list[Mapping[str, Any]]:
    """Return what was told."""
    path = home / "alerts" / "messages.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _settings(home: Path, address: str) -> Settings:
    return Settings(home=home, ledger_url=address, alerting=home / "alerting.yaml")
