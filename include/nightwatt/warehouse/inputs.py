"""What dbt reads: the schema `lake`, made anew before every build.

Belongs here: views over the lake's and the reads store's Parquet, the keys touched since the last build,
local days, and copies of the ledger's rows. Does not belong here: choosing the files (the caller does)
and any rule about what rows mean (the models).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import polars as pl

from nightwatt import calendar, duck
from nightwatt.contracts.canonical import READ_COLUMNS
from nightwatt.ledger import Ledger
from nightwatt.warehouse import ledger_copy

INPUTS_FORMAT = 3
"""Raised when `lake` changes in a way that makes earlier builds unusable."""

LOAD_COLUMNS = {"_receipt_id": "INTEGER", "_load_sequence": "BIGINT", "_source_row": "BIGINT"}
"""What intake adds to every row of a table feed."""

_TYPE = re.compile(r"[A-Za-z][A-Za-z0-9_ ]*(\(\d+(, ?\d+)?\))?(\[\])?")
_READ_DATE = re.compile(r"/read_date=(\d{4}-\d{2}-\d{2})/")


@dataclass(frozen=True)
class TableInput:
    """A table feed: its lake columns with their DuckDB types, and the Parquet of its done loads."""

    columns: Mapping[str, str]
    files: Sequence[Path]
    domain: str = "billing"
    through_sequence: int = 0  # newest done load
    absence: str = "keep"  # what absence from a full file means: keep or close


@dataclass(frozen=True)
class StoreVersionInput:
    """One pinned version of the reads store.

    `touched_since(version)` returns Parquet files with the keys (service_point_id, channel, read_date)
    that changed after a version, or None when that is not known and everything must be recomputed.
    """

    version: int
    files: Sequence[Path]
    touched_since: Callable[[int | None], Sequence[Path] | None]
    first_date: date | None
    last_date: date | None
    zones: Sequence[str] = ()
    through_sequence: int = 0  # newest load merged into this version


@dataclass(frozen=True)
class BuildInputs:
    """Everything a build reads, by value: nothing here can change while the build runs."""

    table_feeds: Mapping[str, TableInput]
    reads: StoreVersionInput | None = None
    zones: Sequence[str] = field(default=())  # zones wanted in `lake.local_days` besides those of the reads
    as_of: date = field(kw_only=True)  # the business date: what the models call today, never the clock


@dataclass(frozen=True)
class Scope:
    """What a build recomputes: everything, or the keys in these files."""

    is_full: bool
    touched: Sequence[Path] = ()


def scope_since(reads: StoreVersionInput | None, store_version: int | None, *, is_full: bool) -> Scope:
    """Return what must be recomputed after a build that saw a store version (None: no build)."""
    if is_full or reads is None:
        return Scope(is_full)
    if store_version is None or store_version > reads.version:
        return Scope(True)
    touched = reads.touched_since(store_version)
    return Scope(True) if touched is None else Scope(False, tuple(touched))


def attach_inputs(con: duckdb.DuckDBPyConnection, inputs: BuildInputs, scope: Scope, ledger: Ledger) -> None:
    """Make the schema `lake` anew in one transaction."""
    con.execute("BEGIN")
    try:
        con.execute("DROP SCHEMA IF EXISTS lake CASCADE")
        con.execute("CREATE SCHEMA lake")
        for feed, table in sorted(inputs.table_feeds.items()):
            con.execute(table_view(feed, table))
        _attach_feeds(con, inputs.table_feeds)
        _attach_reads(con, inputs.reads, scope)
        _attach_scope(con, inputs, scope)
        _attach_local_days(con, inputs)
        ledger_copy.copy_ledger(con, ledger, "lake")
        con.execute("COMMIT")
    except BaseException:
        con.execute("ROLLBACK")
        raise


def table_view(feed: str, table: TableInput) -> str:
    """Return the SQL of a feed's view: the contract's columns with their types, whatever the files' age.

    A file written before a column was added gives nulls for it; a feed without a file gives no rows.
    """
    columns = {**table.columns, **LOAD_COLUMNS}
    typed = ", ".join(f"null::{_type(t)} as {duck.ident(c)}" for c, t in columns.items())
    wanted = ", ".join(f"cast({duck.ident(c)} as {_type(t)}) as {duck.ident(c)}" for c, t in columns.items())
    rows = f"select {typed} where false"
    if table.files:
        files = duck.text_list(list(table.files))
        rows += f" union all by name from read_parquet({files}, union_by_name = true, hive_partitioning = false)"
    return f"create view lake.{duck.ident(feed)} as select {wanted} from ({rows})"


def reads_scan(files: Sequence[Path]) -> str:
    """Return the SQL of the canonical reads in these files, such that filters on read_date skip files."""
    names = ", ".join(READ_COLUMNS)
    if not files:
        return "select " + ", ".join(f"null::{t} as {c}" for c, t in READ_COLUMNS.items()) + " where false"
    by_folder = all(_READ_DATE.search(str(f)) for f in files)
    how = "hive_partitioning = true, hive_types = {'read_date': date}" if by_folder else "hive_partitioning = false"
    return f"select {names} from read_parquet({duck.text_list(list(files))}, {how})"


def _attach_feeds(con: duckdb.DuckDBPyConnection, tables: Mapping[str, TableInput]) -> None:
    """Let the models see what the contracts promise about absence."""
    con.execute("create table lake.feeds (feed varchar, absence varchar)")
    for feed, table in sorted(tables.items()):
        con.execute("insert into lake.feeds values (?, ?)", [feed, table.absence])


def _attach_reads(con: duckdb.DuckDBPyConnection, reads: StoreVersionInput | None, scope: Scope) -> None:
    con.execute(f"create view lake.interval_reads as {reads_scan(reads.files if reads else ())}")
    con.execute("create table lake.touched_reads (service_point_id varchar, channel varchar, read_date date)")
    if scope.touched:
        con.execute(
            "insert into lake.touched_reads select distinct service_point_id, channel, read_date "
            f"from read_parquet({duck.text_list(list(scope.touched))}, hive_partitioning = false)"
        )


def _attach_scope(con: duckdb.DuckDBPyConnection, inputs: BuildInputs, scope: Scope) -> None:
    con.execute("create table lake.build_scope (is_full boolean, store_version integer, as_of date)")
    version = inputs.reads.version if inputs.reads else None
    con.execute("insert into lake.build_scope values (?, ?, ?)", [scope.is_full, version, inputs.as_of])


def _attach_local_days(con: duckdb.DuckDBPyConnection, inputs: BuildInputs) -> None:
    rows = pl.DataFrame(
        list(_local_days(inputs)),
        schema={
            "zone": pl.String,
            "local_date": pl.Date,
            "minutes": pl.Int32,
            "start_at": pl.Datetime("us"),
            "end_at": pl.Datetime("us"),
        },
        orient="row",
    )
    con.register("_local_days", rows.to_arrow())
    con.execute("create table lake.local_days as from _local_days")
    con.unregister("_local_days")


def _local_days(inputs: BuildInputs) -> Iterator[tuple[object, ...]]:
    reads = inputs.reads
    if reads is None or reads.first_date is None or reads.last_date is None:
        return
    for name in sorted({*reads.zones, *inputs.zones}):
        zone = ZoneInfo(name)
        for day in calendar.days(reads.first_date, reads.last_date):
            start, end = calendar.day_bounds(day, zone)
            minutes = int((end - start).total_seconds() // 60)
            yield name, day, minutes, start.replace(tzinfo=None), end.replace(tzinfo=None)


def _type(name: str) -> str:
    if not _TYPE.fullmatch(name):
        raise ValueError(f"{name!r} is not a DuckDB type a contract can name")
    return name
