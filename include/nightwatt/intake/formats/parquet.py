"""Parquet: a landed file as a relation of text columns, and its rows as text for people.

Belongs here: the columns it must have, and how each type of Parquet becomes exact text. Does not belong here: the
meaning of a column, which is the contract's as for any other format.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from nightwatt.contracts.feed import Feed
from nightwatt.duck import ident, text
from nightwatt.errors import TerminalError


@dataclass(frozen=True)
class ParquetRows:
    """One landed file, ready to be selected from."""

    relation: str  # SQL: `record`, the row's number from 1, and text columns r0, r1, ...
    raw_names: dict[str, str]  # file column to raw column


def open_parquet(path: Path, feed: Feed, name: str) -> ParquetRows:
    """Look at a landed file's columns.

    Args:
        path: the landed file.
        feed: its contract.
        name: the file's own name, for messages.

    Raises:
        TerminalError: `file.header_mismatch`, `file.column_type`, `file.unreadable`.
    """
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as e:
        raise TerminalError(
            "file.unreadable",
            f"{name}: its directory cannot be read ({type(e).__name__})",
            "look at the archived file; ask the sender for it again",
        ) from e
    _check_names(schema.names, feed, name)
    columns = [
        f"{_as_text(schema.field(column), name)} AS {ident(f'r{n}')}" for n, column in enumerate(feed.file_columns)
    ]
    return ParquetRows(
        relation=f"(SELECT file_row_number + 1 AS record, {', '.join(columns)} "
        f"FROM read_parquet({text(path)}, file_row_number = true))",
        raw_names={column: f"r{n}" for n, column in enumerate(feed.file_columns)},
    )


def raw_rows(con: duckdb.DuckDBPyConnection, rows: ParquetRows, records: Sequence[int]) -> dict[int, str]:
    """Return rows as JSON objects of text by column, by their numbers."""
    if not records:
        return {}
    names = list(rows.raw_names)
    columns = ", ".join(ident(raw) for raw in rows.raw_names.values())
    found = con.execute(
        f"SELECT record, {columns} FROM {rows.relation} WHERE record IN (SELECT unnest(?)) ORDER BY record",
        [list(records)],
    )
    made: dict[int, str] = {}
    while some := found.fetchmany(10_000):
        made |= {
            record: json.dumps(dict(zip(names, values, strict=True)), ensure_ascii=False) for record, *values in some
        }
    return made


def write_rows(path: Path, feed: Feed, lines: Sequence[str], name: str) -> None:
    """Write rows, each the JSON object that `raw_rows` makes or a person corrected, into a Parquet file.

    Raises:
        TerminalError: `rejects.not_a_row`, naming the line.
    """
    names = feed.file_columns
    rows = [_row(line, number, set(names), name) for number, line in enumerate(lines, 1)]
    columns = {n: pa.array([row[n] for row in rows], pa.string()) for n in names}
    pq.write_table(pa.table(columns), path)


def _row(line: str, number: int, names: set[str], name: str) -> Mapping[str, str | None]:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if isinstance(row, dict) and set(row) == names and all(v is None or isinstance(v, str) for v in row.values()):
        return row
    raise TerminalError(
        "rejects.not_a_row",
        f"{name} line {number} is no JSON object of the contract's columns, each a text or null",
        "give one object a line, as `nightwatt rejects show` prints them; write numbers and times as text",
    )


def _check_names(found: Sequence[str], feed: Feed, name: str) -> None:
    wanted = feed.file_columns
    if sorted(found) == sorted(wanted):
        return
    missing = [w for w in wanted if w not in found]
    problem = f"has {len(found)} columns where the contract has {len(wanted)}"
    problem += f"; missing {', '.join(missing)}" if missing else ""
    raise TerminalError(
        "file.header_mismatch",
        f"{name} {problem}",
        f"ask the sender for a file with the columns {', '.join(wanted)[:300]}, "
        f"or correct the columns of feed {feed.feed}",
    )


def _as_text(field: pa.Field, name: str) -> str:
    """Return SQL for a column as text; instants become wall time of UTC, as a contract's stamps without zone are."""
    kind, sql = field.type, ident(field.name)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return sql
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raise TerminalError(
            "file.column_type",
            f"{name}: column {field.name} is of type {kind}, which is no value that could be read as text",
            "ask the sender for text, a number, a date or a time in this column",
        )
    if pa.types.is_timestamp(kind) and kind.tz:
        sql = f"make_timestamp(epoch_us({sql}))"
    return f"CAST({sql} AS VARCHAR)"
