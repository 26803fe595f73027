"""A small home for tests of stages: a few feeds, a clock set by hand, files dropped into the inbound folder.

Belongs here: contracts, files, the clock. Does not belong here: expectations.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml

from nightwatt.settings import Settings
from nightwatt.stages import Platform

NIGHT = date(2026, 3, 9)
"""A Monday."""


def accounts(**changes: Any) -> dict[str, Any]:
    """A table of accounts, whole at first sight, that closes what a complete file leaves out."""
    return {
        "feed": "accounts", "title": "Accounts", "system": "crm", "owner": "accounts@nightwatt.invalid",
        "domain": "billing", "entity": "table", "key": ["acct_id"], "mode": "full", "absence": "close",
        "arrival": {
            "folder": "crm",
            "pattern": "accounts_{business_date:%Y%m%d}_{part}.csv",
            "wholeness": {"rule": "done_marker"},
            "min_files": 2,
        },
        "columns": [
            {"name": "ACCT_ID", "field": "acct_id", "required": True},
            {"name": "N", "field": "n", "type": "integer"},
        ],
        "completeness": {"min_rows": 4},
        "reject_tolerance_pct": 10,
        "deadlines": {"expected_by": "03:00", "late_at": "04:00", "deadline": "06:00"},
    } | changes  # fmt: skip


@dataclass
class Hand:
    """A clock that shows what it is set to: 04:00 of the night in New York at first."""

    now: datetime = field(default_factory=lambda: datetime(2026, 3, 9, 8, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class House:
    """An opened home, and its hand-set clock."""

    platform: Platform
    clock: Hand

    def drop(self, *parts: int, rows: int = 2, bad: int = 0, day: date = NIGHT) -> None:
        """Let files of accounts come, whole."""
        folder = self.platform.settings.inbound / "crm"
        folder.mkdir(parents=True, exist_ok=True)
        for part in parts:
            path = folder / f"accounts_{day:%Y%m%d}_{part}.csv"
            lines = [f"A{part}{n},{n}" for n in range(rows)] + [f"B{part}{n},x" for n in range(bad)]
            path.write_text("\n".join(["ACCT_ID,N", *lines]) + "\n", "utf-8")
            path.with_name(f"{path.name}.done").touch()


@contextmanager
def house(root: Path, *contracts: dict[str, Any], holidays: str = "") -> Iterator[House]:
    """Open a home whose catalog has these feeds; accounts alone otherwise."""
    feeds = root / "catalog" / "feeds"
    feeds.mkdir(parents=True)
    for contract in contracts or (accounts(),):
        (feeds / f"{contract['feed']}.yaml").write_text(yaml.safe_dump(contract), "utf-8")
    if holidays:
        (root / "catalog" / "holidays.yaml").write_text(holidays, "utf-8")
    settings = Settings(home=root / "home", catalog=root / "catalog", memory_limit="300MB", threads=1)
    clock = Hand()
    with Platform.open("test", settings, clock=clock) as platform:
        yield House(platform, clock)
