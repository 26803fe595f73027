"""Builders for delivery tests: published reads, a contract, and what was written.

Belongs here: invented reads with sensible defaults, and small readers tests share. Does not belong here:
expectations.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from nightwatt.contracts.canonical import READ_COLUMNS
from nightwatt.contracts.delivery import OpowerIntervalDelivery
from nightwatt.delivery.opower.profile import IntervalProfile, load_profile
from nightwatt.delivery.phases import Window

NEW_YORK = "America/New_York"


@dataclass(frozen=True)
class Read:
    """One published read."""

    start: datetime
    value: str | None = "1"
    service_point_id: str = "SP100"
    channel: str = "consumed"
    quality: str | None = "actual"
    unit: str = "kWh"
    length_min: int = 60
    commodity: str = "electricity"
    zone: str = NEW_YORK
    load_sequence: int = 1


def local(text: str) -> datetime:
    """Read `2025-01-15 22:00 -0500`."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M %z")


def hours(first: str, count: int, step_min: int = 60, **facts: Any) -> list[Read]:
    """Return `count` reads in a row, valued 0.1, 0.2, ..."""
    start = local(first).astimezone(UTC)
    return [
        Read(start + timedelta(minutes=step_min * n), str(Decimal(n + 1) / 10), length_min=step_min, **facts)
        for n in range(count)
    ]


@contextmanager
def published(reads: Iterable[Read]) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a connection with these reads as `fct_interval_reads`."""
    con = duckdb.connect(":memory:")
    try:
        con.execute("set TimeZone = 'UTC'")
        con.execute("set enable_progress_bar = false")
        columns = ", ".join(f"{name} {kind}" for name, kind in READ_COLUMNS.items())
        con.execute(f"create table fct_interval_reads ({columns})")
        add_reads(con, reads)
        yield con
    finally:
        con.close()


def add_reads(con: duckdb.DuckDBPyConnection, reads: Iterable[Read]) -> None:
    """Add reads to the published table."""
    rows = [
        {
            "service_point_id": r.service_point_id,
            "channel": r.channel,
            "interval_start_at": r.start.astimezone(UTC).replace(tzinfo=None),
            "interval_min": r.length_min,
            "value": r.value,
            "unit": r.unit,
            "quality": r.quality,
            "meter_id": None,
            "last_updated_at": None,
            "read_date": r.start.astimezone(ZoneInfo(r.zone)).date(),
            "zone": r.zone,
            "commodity": r.commodity,
            "receipt_id": 1,
            "load_sequence": r.load_sequence,
        }
        for r in reads
    ]
    if rows:
        incoming = pa.Table.from_pylist(rows)
        con.register("incoming", incoming)
        con.execute("insert into fct_interval_reads by name select * from incoming")
        con.unregister("incoming")


def contract(**changes: Any) -> OpowerIntervalDelivery:
    """Return a delivery contract: hourly electricity for utility `gec`."""
    return OpowerIntervalDelivery.model_validate(
        {
            "delivery": "opower_interval_electric",
            "kind": "opower_interval",
            "title": "Opower interval file",
            "partner": "opower",
            "owner": "data integration desk",
            "profile": "opower/interval_v2-0-5",
            "utility_code": "gec",
            "commodity": "electricity",
            "length_min": 60,
            "destination": {"connection": "opower"},
            "deadline": "08:00",
        }
        | changes
    )


def loaded(since: int | None = None, through: int = 9) -> Window:
    """Return the window of what was loaded after one publication, through another."""
    return Window(since, through, None, None, None, None)


def profile(*, min_decimals: int | None = None, clock_change: str | None = None, **enabled: bool) -> IntervalProfile:
    """Return the packaged profile with some of its switches set; `column=False` turns a column off."""
    data = load_profile("opower/interval_v2-0-5").model_dump()
    if clock_change:
        data["time"]["clock_change"] = clock_change
    for column in data["columns"]:
        if column["number"] and min_decimals is not None:
            column["number"]["min_decimals"] = min_decimals
        column["enabled"] = enabled.get(column["name"], column["enabled"])
    return IntervalProfile.model_validate(data)


def body(path: Path) -> bytes:
    """Return what a written file unpacks to."""
    return gzip.decompress(path.read_bytes())


def rows(path: Path) -> list[list[str]]:
    """Return the cells of a written file, without its header."""
    return [line.split("\t") for line in body(path).decode().splitlines()[1:]]
