"""Builders for arrival tests: a home with one feed, and the files a sender drops into it.

Belongs here: files, markers, manifests and the clock. Does not belong here: expectations.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from nightwatt.arrival import Arrived, Expectation, arrive, expected
from nightwatt.contracts.feed import Feed
from nightwatt.ledger import Ledger, receipts
from nightwatt.ledger.models import Receipt
from nightwatt.settings import Settings

NIGHT = date(2026, 3, 9)
HEADER = b"SP_ID,READ\n"
ROWS = HEADER + b"".join(b"SP%04d,%d\n" % (n, n) for n in range(10))


def make_feed(wholeness: dict[str, Any] | None = None, **changes: Any) -> Feed:
    """Return a small table feed; `arrival` and `format` given in part are filled up."""
    arrival = {
        "folder": "mdm",
        "pattern": "reads_{business_date:%Y%m%d}_{part}.csv.gz",
        "wholeness": wholeness or {"rule": "done_marker"},
    } | changes.pop("arrival", {})
    if "manifest" in arrival["wholeness"].values():
        arrival["wholeness"] = {"pattern": "reads_{business_date:%Y%m%d}.json"} | arrival["wholeness"]
    return Feed.model_validate(
        {
            "feed": "reads",
            "title": "reads",
            "system": "mdm",
            "owner": "desk@nightwatt.invalid",
            "domain": "usage",
            "entity": "table",
            "arrival": arrival,
            "format": {"compression": "gz"} | changes.pop("format", {}),
            "columns": [{"name": "SP_ID", "field": "sp_id"}, {"name": "READ", "field": "read"}],
            "key": ["sp_id"],
            "mode": "append",
            "deadlines": {"expected_by": "03:00", "late_at": "04:00", "deadline": "06:00"},
        }
        | changes
    )


@dataclass
class Home:
    """One home, its ledger, a clock that tests move, and the inbound folder."""

    root: Path
    now: datetime = datetime(2026, 3, 9, 7, 30, tzinfo=UTC)
    settings: Settings = field(init=False)
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.settings = Settings(home=self.root)
        self.ledger = Ledger.open(self.settings.ledger_address, lambda: self.now)
        self.inbound.mkdir(parents=True, exist_ok=True)

    @property
    def inbound(self) -> Path:
        return self.settings.inbound / "mdm"

    def limit(self, **limits: Any) -> None:
        self.settings = self.settings.model_copy(update=limits)

    def drop(self, name: str, content: bytes = b"", *, at: datetime | None = None) -> Path:
        """Put a file into the inbound folder as it is, with this change time."""
        path = self.inbound / name
        path.write_bytes(content)
        if at:
            os.utime(path, (at.timestamp(), at.timestamp()))
        return path

    def send(self, name: str = "reads_20260309_001.csv.gz", text: bytes = ROWS, packed: bytes | None = None) -> Path:
        """Drop a gzip file and its done-marker."""
        path = self.drop(name, gzip.compress(text, mtime=0) if packed is None else packed)
        self.drop(f"{name}.done")
        return path

    def manifest(self, *paths: Path, **claims: Any) -> Path:
        """Drop a manifest that lists files as they are, but for the claims."""
        files = []
        for path in paths:
            content = path.read_bytes()
            true = {"name": path.name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            files.append({k: v for k, v in (true | claims).items() if v is not None})
        return self.drop("reads_20260309.json", json.dumps({"business_date": str(NIGHT), "files": files}).encode())

    def arrive(self, feed: Feed | None = None, **options: Any) -> Arrived:
        return arrive(feed or make_feed(), self.settings, self.ledger, **options)

    def expected(self, feed: Feed | None = None, day: date = NIGHT) -> Expectation:
        return expected(feed or make_feed(), day, self.ledger, self.settings)

    def receipts(self) -> list[Receipt]:
        with self.ledger.read() as session:
            return receipts.find_all(session)

    def landed(self) -> dict[str, bytes]:
        """Return every archived file by name."""
        found = self.settings.landing.glob("[0-9a-f][0-9a-f]/*")
        return {p.name: p.read_bytes() for p in sorted(found)}

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
