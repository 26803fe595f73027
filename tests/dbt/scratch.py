"""A warehouse of one's own for the dbt tests: the schema `lake` filled from literal rows, dbt run in this process.

Belongs here: making inputs as the platform makes them, running dbt, reading results. Does not belong here:
expectations.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.cli.main import dbtRunner

from nightwatt import calendar, duck
from nightwatt.contracts.canonical import READ_COLUMNS
from nightwatt.contracts.catalog import load_catalog
from nightwatt.intake.tables import lake_columns
from nightwatt.ledger.models import Base

PROJECT = Path(__file__).resolve().parents[2] / "dbt_project"
ZONE = "America/New_York"
LEDGER_TYPES = {"INTEGER": "INTEGER", "BIGINT": "BIGINT", "BOOLEAN": "BOOLEAN", "DATE": "DATE", "DATETIME": "TIMESTAMP"}
NOW = datetime(2026, 3, 9, 6, tzinfo=UTC).replace(tzinfo=None)
TODAY = date(2026, 3, 9)

Row = Mapping[str, Any]


@dataclass
class Scratch:
    """One warehouse file. The same path every time, so that dbt need not parse its project again."""

    folder: Path
    sequence: int = 0
    reads: dict[tuple[str, str, datetime], dict[str, Any]] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        return self.folder / "warehouse.duckdb"

    @contextmanager
    def connect(self) -> Iterator[duckdb.DuckDBPyConnection]:
        con = duckdb.connect(str(self.file))
        try:
            yield con
        finally:
            con.close()

    def reset(self) -> None:
        """Start from an empty warehouse with an empty lake."""
        self.file.unlink(missing_ok=True)
        self.sequence = 0
        self.reads = {}
        feeds = load_catalog().feeds.values()
        tables = {f.feed: lake_columns(f) for f in feeds if f.entity == "table"}
        tables["interval_reads"] = dict(READ_COLUMNS)
        tables["feeds"] = {"feed": "VARCHAR", "absence": "VARCHAR"}
        tables["touched_reads"] = {"service_point_id": "VARCHAR", "channel": "VARCHAR", "read_date": "DATE"}
        tables["build_scope"] = {"is_full": "BOOLEAN", "store_version": "INTEGER", "as_of": "DATE"}
        tables["local_days"] = {"zone": "VARCHAR", "local_date": "DATE", "minutes": "INTEGER"}
        for name, table in Base.metadata.tables.items():
            tables[name] = {c.name: LEDGER_TYPES.get(str(c.type).split("(")[0], "VARCHAR") for c in table.columns}
        with self.connect() as con:
            con.execute("create schema lake")
            for name, columns in tables.items():
                typed = ", ".join(f"{duck.ident(c)} {t}" for c, t in columns.items())
                con.execute(f"create table lake.{duck.ident(name)} ({typed})")
            for f in feeds:
                con.execute("insert into lake.feeds values (?, ?)", [f.feed, f.absence])
            _insert(con, "build_scope", {"is_full": True, "as_of": TODAY})

    def as_of(self, day: date) -> None:
        """Let the next builds take a day for today."""
        with self.connect() as con:
            con.execute("update lake.build_scope set as_of = ?", [day])

    def load(
        self,
        feed: str,
        rows: Iterable[Row],
        *,
        business_date: date = TODAY,
        is_complete: bool = True,
        sequence: int | None = None,
    ) -> int:
        """Put one file's rows into the lake, with its receipt and load; columns not given are null."""
        self.sequence = number = self.sequence + 1 if sequence is None else sequence
        with self.connect() as con:
            for line, row in enumerate(rows, 1):
                _insert(con, feed, {**row, "_receipt_id": number, "_load_sequence": number, "_source_row": line})
            receipt = {"id": number, "feed": feed, "business_date": business_date, "is_complete": is_complete}
            receipt |= dict.fromkeys(("file_name", "content_sha256"), "x") | {"state": "loaded"}
            receipt |= dict.fromkeys(("size_bytes", "unpacked_bytes", "line_count"), 1)
            _insert(con, "receipts", {**receipt, "sent_at": NOW, "arrived_at": NOW})
            done = {"sequence": number, "receipt_id": number, "kind": "intake", "state": "done"}
            _insert(con, "loads", {**done, "lake_path": "x", "started_at": NOW})
        return number

    def merge(self, rows: Iterable[Row]) -> None:
        """Do what the reads store does: newest version of each read wins, and the touched keys are known."""
        self.sequence += 1
        touched = set()
        for given in rows:
            row = {**READ, **given, "load_sequence": self.sequence, "receipt_id": self.sequence}
            key = (row["service_point_id"], row["channel"], row["interval_start_at"])
            known = self.reads.get(key)
            if known is None or row["last_updated_at"] >= known["last_updated_at"]:
                self.reads[key] = row
                touched.add((row["service_point_id"], row["channel"], row["read_date"]))
        with self.connect() as con:
            con.execute("delete from lake.interval_reads")
            con.execute("delete from lake.local_days")
            for row in self.reads.values():
                _insert(con, "interval_reads", row)
            for zone, day in {(r["zone"], r["read_date"]) for r in self.reads.values()}:
                minutes = calendar.day_minutes(day, ZoneInfo(zone))
                _insert(con, "local_days", {"zone": zone, "local_date": day, "minutes": minutes})
        self.touch(touched)

    def touch(self, keys: Iterable[tuple[str, str, date]]) -> None:
        """Say which keys changed since the last build."""
        with self.connect() as con:
            con.execute("delete from lake.touched_reads")
            for key in keys:
                con.execute("insert into lake.touched_reads values (?, ?, ?)", key)

    def dbt(self, *arguments: str) -> dict[str, str]:
        """Run dbt and return the status of every node by name."""
        wanted = {
            "NIGHTWATT_WAREHOUSE_FILE": str(self.file),
            "NIGHTWATT_SCRATCH": str(self.folder / "spill"),
            "DBT_TARGET_PATH": str(self.folder / "target"),
            "DBT_LOG_PATH": str(self.folder / "logs"),
        }
        os.environ.update(wanted)
        options = ("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--quiet", "--log-level-file", "none")
        try:
            answer = dbtRunner(manifest=_parsed(arguments, options)).invoke([*arguments, *options])
        finally:
            if DuckDBConnectionManager._ENV is not None:
                DuckDBConnectionManager._ENV.close()
            DuckDBConnectionManager.close_all_connections()
            for name in wanted:
                os.environ.pop(name, None)
        assert answer.exception is None, answer.exception
        results = {r.node.name: (str(r.status), r.message) for r in answer.result.results}
        broken = {n: r for n, r in results.items() if r[0] not in {"success", "pass", "warn"}}
        assert not broken, broken
        return {name: status for name, (status, _) in results.items()}

    def build(self, *select: str, full: bool = False) -> dict[str, str]:
        """Build as a night does: without unit tests."""
        chosen = ("--select", *select) if select else ()
        refresh = ("--full-refresh",) if full else ()
        return self.dbt("build", "--exclude-resource-type", "unit_test", *refresh, *chosen)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Return a query's rows by column name."""
        with self.connect() as con:
            cursor = con.execute(sql)
            names = [d[0] for d in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


PARSED: dict[tuple[str, ...], Any] = {}
"""The project as dbt understands it, by the variables it was given: read once a session."""


def _parsed(arguments: tuple[str, ...], options: tuple[str, ...]) -> Any:
    variables = arguments[arguments.index("--vars") :][:2] if "--vars" in arguments else ()
    if variables not in PARSED:
        answer = dbtRunner().invoke(["parse", *variables, *options])
        assert answer.success, answer.exception
        PARSED[variables] = answer.result
    return PARSED[variables]


READ: Row = {
    "service_point_id": "0000000001",
    "channel": "delivered",
    "interval_start_at": datetime(2026, 3, 8, 5),  # noqa: DTZ001  (UTC, as the lake keeps it)
    "interval_min": 15,
    "value": "0.25",
    "unit": "kWh",
    "quality": "actual",
    "last_updated_at": NOW,
    "read_date": date(2026, 3, 8),
    "zone": ZONE,
    "commodity": "electricity",
}
"""An interval read with sensible values; tests change what they are about."""


def _insert(con: duckdb.DuckDBPyConnection, table: str, row: Row) -> None:
    names = ", ".join(duck.ident(n) for n in row)
    con.execute(
        f"insert into lake.{duck.ident(table)} ({names}) values ({', '.join('?' * len(row))})", list(row.values())
    )
