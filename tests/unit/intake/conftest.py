"""A bench for intake: a contract, the text of a file, and the lake rows and rejects it gives."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from nightwatt.contracts.feed import Feed
from nightwatt.intake import LoadResult, intake, replay
from nightwatt.intake.rejects import Reject, read_rejects, reject_path
from nightwatt.ledger import Ledger
from nightwatt.ledger.models import Receipt, ReceiptState
from nightwatt.settings import Settings

AT = datetime(2026, 3, 9, 7, tzinfo=UTC)

READS = """
feed: reads
title: Reads of a test
system: mdm
owner: nobody
domain: usage
entity: interval_read
commodity: electricity
mode: append
reject_tolerance_pct: 100
arrival: {pattern: "reads_{business_date:%Y%m%d}.csv", wholeness: {rule: quiet}}
deadlines: {expected_by: "03:00", late_at: "05:00", deadline: "07:00"}
"""

TABLE = """
feed: people
title: People of a test
system: ccb
owner: nobody
domain: billing
entity: table
mode: delta
key: [per_id]
reject_tolerance_pct: 100
arrival: {pattern: "people_{business_date:%Y%m%d}.csv", wholeness: {rule: quiet}}
deadlines: {expected_by: "03:00", late_at: "05:00", deadline: "06:00"}
"""


def contract(base: str, more: str) -> Feed:
    """Return the contract of a base text and what a test adds to it (later keys win)."""
    return Feed.model_validate(yaml.safe_load(base) | yaml.safe_load(more))


@dataclass
class Bench:
    """One home in which files are read."""

    settings: Settings
    ledger: Ledger
    folder: Path

    def receipt(self, feed: Feed, content: bytes, **more: Any) -> tuple[Receipt, Path]:
        """Enter a file as arrived and return its receipt and place."""
        path = self.folder / hashlib.sha256(content).hexdigest()
        path.write_bytes(content)
        unpacked = gzip.decompress(content) if feed.format.compression == "gz" else content
        lines = unpacked.count(b"\n") + (bool(unpacked) and not unpacked.endswith(b"\n"))
        with self.ledger.write() as session:
            row = Receipt(
                feed=feed.feed,
                business_date=date(2026, 3, 9),
                file_name="file.csv",
                content_sha256=path.name,
                size_bytes=len(content),
                unpacked_bytes=len(unpacked),
                line_count=lines,
                sent_at=AT,
                arrived_at=AT,
                state=ReceiptState.LANDED,
                **more,
            )
            session.add(row)
        return row, path

    def load(self, feed: Feed, content: str | bytes, **more: Any) -> LoadResult:
        """Read a file's content by a contract."""
        data = content.encode() if isinstance(content, str) else content
        receipt, path = self.receipt(feed, data, **more)
        return intake(receipt, feed, self.settings, self.ledger, path)

    def replay(self, feed: Feed, receipt_id: int = 1, fixed: Path | None = None) -> LoadResult:
        """Read the open rejects of a receipt again."""
        with self.ledger.read() as session:
            receipt = session.get_one(Receipt, receipt_id)
        return replay(receipt, feed, self.settings, self.ledger, self.folder / receipt.content_sha256, fixed)

    def state(self, receipt_id: int = 1) -> Receipt:
        """Return a receipt as the ledger has it."""
        with self.ledger.read() as session:
            return session.get_one(Receipt, receipt_id)

    def rejects(self, feed: Feed, result: LoadResult) -> list[Reject]:
        """Return what a load put aside."""
        return list(read_rejects(reject_path(self.settings, feed.feed, result.sequence)))

    def lake(self, feed: Feed, columns: str) -> list[tuple[Any, ...]]:
        """Return columns of everything in the feed's lake, sorted."""
        files = f"{self.settings.lake}/{feed.feed}/load=*/*.parquet"
        return duckdb.sql(f"SELECT {columns} FROM read_parquet('{files}') ORDER BY ALL").fetchall()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Give an empty home."""
    settings = Settings(home=tmp_path / "home", threads=2)
    (tmp_path / "in").mkdir()
    ledger = Ledger.open(settings.ledger_address, lambda: AT)
    yield Bench(settings, ledger, tmp_path / "in")
    ledger.close()


@pytest.fixture
def reads() -> Callable[[str], Feed]:
    """Return a maker of interval feeds."""
    return lambda more: contract(READS, more)


@pytest.fixture
def table() -> Callable[[str], Feed]:
    """Return a maker of table feeds."""
    return lambda more: contract(TABLE, more)
