"""Writing a table's rows to Parquet whose name tells the content: what did not change is not written.

Belongs here: hashing a table by partition, writing the partitions that are new, and reading each written
file back to verify it before it gets its name. Does not belong here: comparing with earlier publications.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from nightwatt import duck, durable
from nightwatt.errors import TerminalError
from nightwatt.ledger.checks import CheckResult
from nightwatt.warehouse.tables import PublishedTable
from nightwatt.warehouse.versions import DataFile

WHOLE = "all"
"""Partition name of a table that is written in one file."""

_FORMAT = "1"  # raised when the same rows should be written differently


@dataclass(frozen=True)
class Part:
    """One partition as it stands in the warehouse."""

    partition: str
    rows: int
    digest: str
    sums: Mapping[str, str]


@dataclass(frozen=True)
class Scan:
    """A table as it stands in the warehouse."""

    table: PublishedTable
    columns: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]

    @property
    def rows(self) -> int:
        """Rows of the table."""
        return sum(p.rows for p in self.parts)

    @property
    def content(self) -> str:
        """Hash of the whole table."""
        return hashlib.sha256("\n".join(f"{p.partition} {p.digest}" for p in self.parts).encode()).hexdigest()


def scan(con: duckdb.DuckDBPyConnection, table: PublishedTable) -> Scan:
    """Hash every partition of a table in one pass over its columns.

    The hash of a partition is its row count with the sum and the exclusive-or of 64-bit row hashes, so it
    does not depend on the order of rows.
    """
    columns = _columns(con, table)
    decimals = [c for c, t in columns if t.startswith("DECIMAL")]
    all_columns = ", ".join(duck.ident(c) for c, _ in columns)
    sums = "".join(f", cast(coalesce(sum({duck.ident(c)}), 0) as varchar)" for c in decimals)
    grouped = "group by 1 order by 1" if table.partition_by else ""
    found = con.execute(
        f"select {_partition(table)} as part, count(*), coalesce(sum(h::hugeint), 0), coalesce(bit_xor(h), 0){sums} "
        f"from (select *, hash({all_columns}) as h from {_relation(table)}) {grouped}"
    ).fetchall()
    shape = f"{_FORMAT} {duckdb.__version__} {columns} {table.primary_key}"
    parts = []
    for part, rows, total, mixed, *values in found:
        digest = hashlib.sha256(f"{shape} {part} {rows} {total} {mixed}".encode()).hexdigest()[:24]
        parts.append(Part(part or WHOLE, rows, digest, dict(zip(decimals, values, strict=True))))
    return Scan(table, columns, tuple(parts))


def write(con: duckdb.DuckDBPyConnection, scanned: Scan, folder: Path) -> tuple[list[DataFile], list[CheckResult], int]:
    """Write the partitions that are not on disk yet.

    Returns:
        The files of the table, checks of those written (a file that fails gets no name), and how many
        were written.
    """
    found: list[DataFile] = []
    checks: list[CheckResult] = []
    written = 0
    for part in scanned.parts:
        file = DataFile(
            f"{scanned.table.name}/{part.partition}-{part.digest}.parquet", part.partition, part.rows, part.sums
        )
        final = folder / file.path
        if not final.exists():
            written += 1
            failures = list(_write_part(con, scanned, part, final))
            checks += failures
        found.append(file)
    return found, checks, written


def check_key_across_partitions(con: duckdb.DuckDBPyConnection, table: PublishedTable) -> CheckResult | None:
    """Look for equal keys in different partitions, where the key does not hold the partition column."""
    if not table.partition_by or not table.primary_key or table.partition_by in table.primary_key:
        return None
    keys = ", ".join(duck.ident(c) for c in table.primary_key)
    row = con.execute(
        f"select count(*) from (select 1 from {_relation(table)} group by {keys} having count(*) > 1)"
    ).fetchone()
    return _key_check(table, WHOLE, row[0] if row else 0)


def _write_part(con: duckdb.DuckDBPyConnection, scanned: Scan, part: Part, final: Path) -> Iterator[CheckResult]:
    table = scanned.table
    final.parent.mkdir(parents=True, exist_ok=True)
    aside = durable.aside_of(final)
    names = ", ".join(duck.ident(c) for c, _ in scanned.columns)
    order = ", ".join(duck.ident(c) for c in table.primary_key) or "all"
    con.execute(
        f"copy (select {names} from {_relation(table)} where {_partition(table)} = $part order by {order}) "
        f"to {duck.text(aside)} (format parquet, compression zstd)",
        {"part": part.partition},
    )
    failures = list(_verify(con, scanned, part, aside))
    if failures:
        aside.unlink()
        yield from failures
        return
    durable.put_in_place(aside, final)


def _verify(con: duckdb.DuckDBPyConnection, scanned: Scan, part: Part, path: Path) -> Iterator[CheckResult]:
    """Read a written file back: same rows, same totals, same types, keys unique and in order."""
    table = scanned.table
    source = f"read_parquet({duck.text(path)}, hive_partitioning = false)"
    described = tuple((str(r[0]), str(r[1])) for r in con.execute(f"describe from {source}").fetchall())
    if described != scanned.columns:
        changed = sorted(c for c, _ in set(scanned.columns) ^ set(described))
        yield CheckResult(
            "publish.schema", table.name, False, True,
            f"{table.name}: columns {', '.join(changed)} do not keep their type in Parquet",
            {"warehouse": dict(scanned.columns), "file": dict(described)},
        )  # fmt: skip
    keys = [duck.ident(c) for c in table.primary_key]
    before = "".join(f", lag({k}) over () as prior_{i}" for i, k in enumerate(keys))
    is_bad = "false"
    if keys:
        nulls = " or ".join(f"{k} is null" for k in keys)
        priors = ", ".join(f"prior_{i}" for i in range(len(keys)))
        is_bad = f"{nulls} or (prior_0 is not null and not ({priors}) < ({', '.join(keys)}))"
    sums = "".join(f", cast(coalesce(sum({duck.ident(c)}), 0) as varchar)" for c in part.sums)
    row = con.execute(
        f"select count(*), count(*) filter ({is_bad}){sums} from (select *{before} from {source})"
    ).fetchone()
    assert row is not None  # noqa: S101  (an aggregate gives one row)
    if (row[0], dict(zip(part.sums, row[2:], strict=True))) != (part.rows, dict(part.sums)):
        yield CheckResult(
            "publish.totals", table.name, False, True,
            f"{table.name} ({part.partition}): the written file has other totals than the warehouse",
            {"partition": part.partition, "warehouse_rows": part.rows, "file_rows": row[0]},
        )  # fmt: skip
    if row[1]:
        yield _key_check(table, part.partition, row[1])


def _key_check(table: PublishedTable, partition: str, count: int) -> CheckResult:
    return CheckResult(
        "publish.primary_key",
        table.name,
        count == 0,
        True,
        f"{table.name} ({partition}): {count} rows repeat or lack their key {table.primary_key}",
        {"partition": partition, "rows": count, "key": list(table.primary_key)},
    )


def _columns(con: duckdb.DuckDBPyConnection, table: PublishedTable) -> tuple[tuple[str, str], ...]:
    try:
        found = con.execute(f"describe {_relation(table)}").fetchall()
    except duckdb.CatalogException as e:
        raise TerminalError(
            "publish.not_built",
            f"the warehouse has no table {table.schema}.{table.name}",
            f"build its domain first: `nightwatt build {table.domain}`",
        ) from e
    return tuple((str(r[0]), str(r[1])) for r in found)


def _relation(table: PublishedTable) -> str:
    return f"{duck.ident(table.schema)}.{duck.ident(table.name)}"


def _partition(table: PublishedTable) -> str:
    if not table.partition_by:
        return duck.text(WHOLE)
    return f"coalesce(strftime({duck.ident(table.partition_by)}, '%Y-%m'), 'none')"
