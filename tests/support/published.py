"""A published warehouse made by hand, of one table of daily usage.

Belongs here: writing it. Does not belong here: what a test expects of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from nightwatt.duck import memory_engine
from nightwatt.settings import Settings
from nightwatt.warehouse import versions
from nightwatt.warehouse.versions import DataFile, TableEntry, Version

COLUMNS = (
    ("commodity", "VARCHAR"), ("service_point_id", "VARCHAR"), ("channel", "VARCHAR"), ("usage_date", "DATE"),
    ("reads_received", "INTEGER"),
)  # fmt: skip


def publish_usage(settings: Settings, rows: Iterable[tuple[str, str, str, date, int]], sequence: int = 1) -> None:
    """Let readers see rows of (commodity, service point, channel, day, reads received)."""
    folder = versions.data_folder(settings) / "fct_usage_daily"
    folder.mkdir(parents=True, exist_ok=True)
    path = f"fct_usage_daily/all-{sequence}.parquet"
    given = list(rows)
    with memory_engine(settings) as con:
        con.execute("create table usage (" + ", ".join(f"{name} {kind}" for name, kind in COLUMNS) + ")")
        con.executemany("insert into usage values (?, ?, ?, ?, ?)", given)
        con.execute(f"copy usage to '{versions.data_folder(settings) / path}' (format parquet)")
    entry = TableEntry("usage", COLUMNS, (), "Usage.", len(given), "c", (DataFile(path, "all", len(given), {}),))
    versions.write_version(
        settings, Version(sequence, {}, {"fct_usage_daily": entry}), versions.published_file(settings)
    )
