"""Delivering: what the partner does not have yet, from the publication readers see.

Belongs here: opening the published warehouse and telling delivery which publication it is. Does not belong
here: the file and the sending (delivery).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any

import duckdb

from nightwatt.delivery import sent_index
from nightwatt.delivery.courier import nowhere
from nightwatt.delivery.deliver import PublicationFacts
from nightwatt.delivery.deliver import deliver as send
from nightwatt.delivery.phases import Phase
from nightwatt.errors import TerminalError
from nightwatt.stages.platform import Platform
from nightwatt.stages.watching_sendings import watch_sendings
from nightwatt.warehouse import published


@dataclass(frozen=True)
class SentFile:
    """One file the partner has."""

    name: str
    rows: int
    size_bytes: int
    sha256: str
    remote_path: str
    phase: str = "incremental"


@dataclass(frozen=True)
class DeliverSummary:
    """What delivering did."""

    delivery: str
    outcome: str  # sent, already, nothing_new
    message: str
    files: tuple[SentFile, ...]

    @property
    def is_new(self) -> bool:
        """Whether anything was sent by this call."""
        return self.outcome == "sent"

    def lines(self) -> Iterator[str]:
        """Yield what an operator wants to read."""
        yield f"{self.delivery}: {self.message}"
        for f in self.files:
            size = f"{f.rows:,} rows, {f.size_bytes:,} bytes"
            yield f"  {f.phase} {f.name}: {size}, sha256 {f.sha256[:12]}, at {f.remote_path}"

    def to_dict(self) -> dict[str, Any]:
        """Return names, counts and hashes."""
        files = [
            {"name": f.name, "phase": f.phase, "rows": f.rows, "bytes": f.size_bytes, "sha256": f.sha256}
            for f in self.files
        ]
        return {"delivery": self.delivery, "outcome": self.outcome, "message": self.message, "files": files}


def deliver(
    platform: Platform,
    delivery_name: str,
    business_date: date,
    at: Callable[[str], None] = nowhere,
    phase: Phase = Phase(),  # noqa: B008  (frozen)
) -> DeliverSummary:
    """Write, check and send a delivery's file; the second time, say that it was sent.

    Args:
        platform: the home.
        delivery_name: the delivery.
        business_date: the night.
        at: called at each named step of the courier (tests end the process there).
        phase: an incremental, unless a sample or the whole history is asked for.
    """
    contract = platform.catalog.delivery(delivery_name)
    with (
        platform.ledger.run("deliver", delivery_name, business_date, platform.started_by),
        published(platform.settings) as con,
    ):
        result = send(
            contract,
            platform.settings,
            platform.ledger,
            con,
            _publication(con, contract.domain),
            business_date,
            phase=phase,
            at=at,
        )
        sent_index.ensure(platform.settings, platform.ledger, delivery_name)
    watch_sendings(platform, delivery_name)
    files = tuple(
        SentFile(r.file_name, r.rows, r.size_bytes, r.sha256, r.remote_path, r.phase) for r in result.receipts
    )
    return DeliverSummary(delivery_name, result.outcome.value, result.message, files)


def _publication(con: duckdb.DuckDBPyConnection, domain: str) -> PublicationFacts:
    """Read which publication the open file is, so that facts and rows cannot drift apart."""
    row = con.execute(
        "SELECT sequence, through_sequence, published_at FROM publication WHERE domain = ?", [domain]
    ).fetchone()
    if row is None:
        raise TerminalError(
            "delivery.nothing_published",
            f"no {domain} is published yet",
            f"run its DAG, or `nightwatt publish {domain}`",
        )
    sequence, through, at = row
    return PublicationFacts(sequence, through, at if at.tzinfo else at.replace(tzinfo=UTC))
