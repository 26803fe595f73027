"""A builder of lake files for the tests of the reads store."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from nightwatt.contracts.canonical import READ_COLUMNS

Row = dict[str, Any]

SCHEMA = {
    "service_point_id": pl.String,
    "channel": pl.String,
    "interval_start_at": pl.Datetime("us"),
    "interval_min": pl.Int16,
    "value": pl.Decimal(18, 8),
    "unit": pl.String,
    "quality": pl.String,
    "meter_id": pl.String,
    "last_updated_at": pl.Datetime("us"),
    "read_date": pl.Date,
    "zone": pl.String,
    "commodity": pl.String,
    "receipt_id": pl.Int32,
    "load_sequence": pl.Int64,
}
assert list(SCHEMA) == list(READ_COLUMNS)

NOON = datetime(2026, 3, 8, 16, 0)  # noqa: DTZ001  (a UTC instant as Parquet holds it)


def read(load: int = 1, **changes: Any) -> Row:
    """Return a read of load (and receipt) 1 at noon of 2026-03-08 in New York, with changes.

    `read_date` follows from the start instant and the zone unless given.
    """
    row: Row = {
        "service_point_id": "0001",
        "channel": "delivered",
        "interval_start_at": NOON,
        "interval_min": 15,
        "value": Decimal("1.5"),
        "unit": "kWh",
        "quality": "actual",
        "meter_id": "M1",
        "last_updated_at": NOON + timedelta(days=1),
        "zone": "America/New_York",
        "commodity": "electricity",
        "receipt_id": load,
        "load_sequence": load,
    } | changes
    if "read_date" not in row:
        row["read_date"] = local_date(row["interval_start_at"], row["zone"])
    return {name: row[name] for name in SCHEMA}


def local_date(instant: datetime, zone: str) -> date:
    """Return the local date of a UTC instant without its zone."""
    return instant.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).date()


def write(path: Path, rows: Iterable[Row]) -> Path:
    """Write a lake file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(list(rows), schema=SCHEMA).write_parquet(path)
    return path


def rows_of(files: Iterable[Path]) -> list[Row]:
    """Return the rows of data files in file order."""
    return [row for path in files for row in pl.read_parquet(path, hive_partitioning=False).to_dicts()]
