"""Delimited text: a landed file as a relation of text columns, with DuckDB's own rejects by line.

Belongs here: the call of the CSV reader and what it cannot do by itself (other encodings, zip, NUL bytes,
unpaired quotes, mixed line ends), header and trailer. Does not belong here: the meaning of a column.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from nightwatt.contracts.feed import Feed, Trailer
from nightwatt.duck import text
from nightwatt.errors import TerminalError
from nightwatt.intake.lines import SetAside, clean_copy, first_line, is_utf8

DIRECT = {"plain": "none", "gz": "gzip", "zst": "zstd"}
"""Packings the engine's own reader takes."""

_CODES = {
    "MISSING COLUMNS": ("row.missing_columns", "the line has fewer columns than the contract"),
    "TOO MANY COLUMNS": ("row.too_many_columns", "the line has more columns than the contract"),
    "INVALID ENCODING": ("row.bad_encoding", "the line is not valid text in the contract's encoding"),
    "INVALID UNICODE": ("row.bad_encoding", "the line is not valid text in the contract's encoding"),
    "UNQUOTED VALUE": ("row.bad_quote", "a quote sign stands where none may stand"),
    "LINE SIZE OVER MAXIMUM": ("row.line_too_long", "the line is longer than allowed"),
}


@dataclass(frozen=True)
class BadLine:
    """A line put aside before its fields were looked at."""

    line: int
    code: str
    reason: str
    raw: str


@dataclass(frozen=True)
class Delimited:
    """One landed file, ready to be selected from."""

    reader: str  # SQL: text columns r0, r1, ...
    raw_names: dict[str, str]  # file column to raw column
    path: Path  # the file the engine reads
    is_clean_copy: bool
    aside: list[SetAside]
    trailer: str | None  # what the first field of a trailer line says

    def relation(self, *, numbered: bool) -> str:
        """Return the text columns with `record`, the row's number among the rows parsed, from 1.

        Counting needs the rows in file order, on one thread; without it `record` is null.
        """
        record = "row_number() OVER ()" if numbered else "CAST(NULL AS BIGINT)"
        # A trailer with as many fields as there are columns looks like a row.
        rows = f" WHERE r0 IS DISTINCT FROM {text(self.trailer)}" if self.trailer else ""
        return f"(SELECT {record} AS record, * FROM {self.reader}{rows})"


@contextmanager
def open_delimited(
    path: Path, feed: Feed, scratch: Path, *, name: str, needs_cleaning: bool, max_line_bytes: int
) -> Iterator[Delimited]:
    """Prepare a landed file for reading.

    Args:
        path: the landed file.
        feed: its contract.
        scratch: folder for a cleaned copy, where one is needed; removed on leaving.
        name: the file's own name, for messages.
        needs_cleaning: the file has NUL bytes or mixed line ends.
        max_line_bytes: longest line accepted.

    Raises:
        TerminalError: `file.header_mismatch`.
    """
    form = feed.format
    _check_header(path, feed, name)
    copy: Path | None = None
    aside: list[SetAside] = []
    if needs_cleaning or not is_utf8(form.encoding) or form.quote or form.compression not in DIRECT:
        scratch.mkdir(parents=True, exist_ok=True)
        copy = scratch / f"{path.name}.clean"
        aside = clean_copy(path, form, copy)
    try:
        yield Delimited(
            reader=_read_csv(copy or path, feed, "none" if copy else DIRECT[form.compression], max_line_bytes),
            raw_names={column: f"r{n}" for n, column in enumerate(feed.file_columns)},
            path=copy or path,
            is_clean_copy=copy is not None,
            aside=aside,
            trailer=_trailer_prefix(feed, form.delimiter),
        )
    finally:
        if copy:
            copy.unlink(missing_ok=True)


def _read_csv(path: Path, feed: Feed, compression: str, max_line_bytes: int) -> str:
    form = feed.format
    columns = ", ".join(f"'r{n}': 'VARCHAR'" for n in range(len(feed.file_columns)))
    quote = text(form.quote or "")
    return (
        f"read_csv({text(path)}, columns = {{{columns}}}, auto_detect = false, header = {str(form.header).lower()}, "
        f"delim = {text(form.delimiter)}, quote = {quote}, escape = {quote}, compression = '{compression}', "
        f"store_rejects = true, rejects_table = 'csv_rejects', rejects_scan = 'csv_scans', "
        f"max_line_size = {max_line_bytes})"
    )


def _trailer_prefix(feed: Feed, delimiter: str) -> str | None:
    rule = feed.arrival.wholeness
    return rule.prefix.removesuffix(delimiter) if isinstance(rule, Trailer) else None


def _check_header(path: Path, feed: Feed, name: str) -> None:
    if not feed.format.header:
        return
    line = first_line(path, feed.format)
    quote = feed.format.quote or '"'
    found = [h.strip() for h in next(csv.reader([line], delimiter=feed.format.delimiter, quotechar=quote), [])]
    wanted = list(feed.file_columns)
    if found == wanted:
        return
    # Only names the contract knows are repeated: an unexpected first line may be data.
    if sorted(found) == sorted(wanted):
        problem = "has the right columns in another order: " + ", ".join(found)
    else:
        missing = [w for w in wanted if w not in found]
        problem = f"has {len(found)} columns where the contract has {len(wanted)}"
        problem += f"; missing {', '.join(missing)}" if missing else ""
    raise TerminalError(
        "file.header_mismatch",
        f"{name}: line 1 {problem}",
        f"ask the sender for a file with the header {', '.join(wanted)[:300]}, "
        f"or correct the columns of feed {feed.feed}",
    )


def bad_lines(con: duckdb.DuckDBPyConnection, aside: Sequence[SetAside], feed: Feed) -> list[BadLine]:
    """Return the lines the reader could not cut into columns, without the trailer, plus those set aside."""
    prefix = feed.arrival.wholeness.prefix if isinstance(feed.arrival.wholeness, Trailer) else None
    # The reader hands over blank lines before a bad one as if they were part of it.
    rows = con.execute(
        "SELECT line, min(error_type::VARCHAR), trim(any_value(csv_line), chr(13) || chr(10)) "
        "FROM csv_rejects GROUP BY line ORDER BY line"
    ).fetchall()
    found = [BadLine(a.line, a.code, a.reason, a.raw) for a in aside]
    # Arrival saw to it that the last line that is not blank is the trailer.
    trailer = max((line for line, _, raw in rows if prefix and (raw or "").startswith(prefix)), default=None)
    for line, kind, raw in rows:
        if line == trailer:
            continue
        code, reason = _CODES.get(kind, ("row.unreadable", f"the reader says {kind.lower()}"))
        found.append(BadLine(line, code, reason, raw or ""))
    return sorted(found, key=lambda b: b.line)
