"""What the CRM did with the rows it was given, row by row.

Belongs here: reading Bulk API 2.0 result files (successful, failed, unprocessed) and joining them back to what was
uploaded. Does not belong here: answers about whole files (`acknowledgements`), fetching them (a middleware or the
courier brings files), and what the platform concludes for its acknowledged state.

Results come in any order, may hold millions of rows and repeat the uploaded values. So they stay in DuckDB, are joined
by external id, and only keys, Salesforce ids and scrubbed messages (`messages`) come out.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import duckdb

from nightwatt.delivery.salesforce.messages import error_code_sql, message_class_sql
from nightwatt.duck import ident, text
from nightwatt.errors import TerminalError

_HERE = Path(__file__).parent
_BATCH_ROWS = 10_000
_BLOCK_BYTES = 1 << 20
_AGAIN = "ask for the result file again, or let the middleware write the CRM's answer unchanged"


class Outcome(StrEnum):
    """What became of one uploaded row."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNPROCESSED = "unprocessed"
    MISSING = "missing"
    """The results say nothing about it: it may be in the CRM or not."""


# The columns the Bulk API adds to the uploaded ones, by kind of result.
ADDED: dict[Outcome, tuple[str, ...]] = {
    Outcome.ACCEPTED: ("sf__Id", "sf__Created"),
    Outcome.REFUSED: ("sf__Id", "sf__Error"),
    Outcome.UNPROCESSED: (),
}


@dataclass(frozen=True)
class BulkResults:
    """The result files of the jobs that loaded one delivered file."""

    successful: tuple[Path, ...] = ()
    failed: tuple[Path, ...] = ()
    unprocessed: tuple[Path, ...] = ()

    def by_outcome(self) -> Iterator[tuple[Outcome, Path]]:
        """Yield every file with what it says about its rows."""
        for outcome, paths in (
            (Outcome.ACCEPTED, self.successful),
            (Outcome.REFUSED, self.failed),
            (Outcome.UNPROCESSED, self.unprocessed),
        ):
            for path in paths:
                yield outcome, path


@dataclass(frozen=True)
class ResultRow:
    """What became of one uploaded row, without its values."""

    external_id: str
    outcome: Outcome
    remote_id: str | None = None
    """The record's Salesforce id. A refused row has one when the record is there already."""
    is_created: bool | None = None
    error_code: str | None = None
    message: str | None = None


@dataclass(frozen=True)
class Settlement:
    """Uploaded rows against result rows."""

    uploaded: int
    accepted: int
    refused: int
    unprocessed: int
    missing: int
    """Uploaded rows without a result."""
    surplus: int
    """Result rows that nobody uploaded, or more of them than were uploaded."""

    @property
    def is_complete(self) -> bool:
        """Whether every uploaded row has exactly one result: uploaded = accepted + refused + unprocessed."""
        return self.missing == 0 and self.surplus == 0


def read_results(con: duckdb.DuckDBPyConnection, results: BulkResults, *, key: str, into: str) -> None:
    """Read result files into a table with the columns of `ResultRow`, one row per result row.

    Args:
        con: an engine in memory; nothing of it is written to a database file.
        results: the files. A middleware may leave out those without rows.
        key: the uploaded column that identifies a row, as in the file's header (`Id` for a delete).
        into: name of the table; replaced if it is there.

    Raises:
        TerminalError: a file is not what the Bulk API answers; file, row, field and remedy are named.
    """
    con.execute(_statement("results_table.sql", into=ident(into)))
    for outcome, path in results.by_outcome():
        if path.is_file() and path.stat().st_size == 0:
            continue  # no rows of this kind; were it a lost download, the rows would be missing from the settlement
        columns = _columns(path, (*ADDED[outcome], key))
        _refuse_cut_short(path)
        relation = _relation(path, columns)
        try:
            _refuse_bad_rows(con, path, outcome, key, relation)
            con.execute(
                _statement("results_read.sql", into=ident(into), relation=relation, **_facts(outcome, key, columns))
            )
        except duckdb.InvalidInputException:  # its message quotes the line; ours must not
            raise _unreadable(path) from None


def settle(con: duckdb.DuckDBPyConnection, *, uploaded: str, results: str, into: str) -> Settlement:
    """Join results back to what was uploaded, whatever the order, into a table with one row per uploaded key.

    Where a key has several results the worst of them counts: nobody knows which row the CRM took last.

    Args:
        con: the engine of `read_results`.
        uploaded: name of a table or view with a column `external_id`, one row per uploaded row.
        results: the table of `read_results`.
        into: name of the table, columns of `ResultRow`; replaced if it is there.
    """
    names = {"uploaded": ident(uploaded), "results": ident(results)}
    con.execute(_statement("results_settled.sql", into=ident(into), **names))
    counted = con.execute(_statement("results_counted.sql", **names)).fetchone()
    assert counted is not None  # noqa: S101  (an aggregate without groups has one row)
    return Settlement(*(int(n) for n in counted))


def result_rows(con: duckdb.DuckDBPyConnection, table: str) -> Iterator[ResultRow]:
    """Yield the rows of a table of `read_results` or `settle`, by external id, a batch at a time in memory.

    The engine is busy with them until the last is taken.
    """
    names = "external_id, outcome, remote_id, is_created, error_code, message"
    found = con.execute(f"select {names} from {ident(table)} order by all")
    while batch := found.fetchmany(_BATCH_ROWS):
        for external_id, outcome, *rest in batch:
            yield ResultRow(external_id, Outcome(outcome), *rest)


def _statement(name: str, **names: str) -> str:
    return (_HERE / name).read_text("utf-8").format(**names)


def _columns(path: Path, wanted: Sequence[str]) -> list[str]:
    """Return the header of a result file, which has the added columns first and those of the upload after them."""
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            header = next(csv.reader(stream, strict=True), [])
    except (UnicodeDecodeError, csv.Error):
        raise _unreadable(path) from None
    except FileNotFoundError:
        raise TerminalError("acknowledgement.absent", f"{path.name}: there is no such result file", _AGAIN) from None
    missing = [name for name in wanted if name not in header]
    if missing:
        raise TerminalError(
            "acknowledgement.columns_missing",
            f"{path.name}, row 1 (header): no column {', '.join(missing)}",
            _AGAIN,
        )
    if len(set(header)) < len(header):
        raise TerminalError(
            "acknowledgement.columns_doubled", f"{path.name}, row 1 (header): a column is there twice", _AGAIN
        )
    return header


def _refuse_cut_short(path: Path) -> None:
    """Raise if a file ends in the middle of a row: an open quote (DuckDB closes it silently), or no line end."""
    quotes, last = 0, b""
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            quotes += block.count(b'"')
            last = block[-1:]
    if quotes % 2 or last != b"\n":
        raise TerminalError("acknowledgement.cut_short", f"{path.name}: it ends in the middle of a row", _AGAIN)


def _relation(path: Path, columns: Sequence[str]) -> str:
    """Return a reader of a result file: every cell text, quoted cells may hold line ends, so one thread a file."""
    typed = ", ".join(f"{text(name)}: 'VARCHAR'" for name in columns)
    return (
        f"read_csv({text(path)}, columns = {{{typed}}}, auto_detect = false, header = true, delim = ',',"
        " quote = '\"', escape = '\"', parallel = false, strict_mode = true)"
    )


def _facts(outcome: Outcome, key: str, columns: Sequence[str]) -> dict[str, str]:
    """Return the expressions of one kind of file."""
    is_refused = outcome is Outcome.REFUSED
    values = [name for name in columns if name not in ADDED[outcome]]
    return {
        "outcome": text(outcome.value),
        "key": ident(key),
        "remote_id": "nullif(\"sf__Id\", '')" if ADDED[outcome] else "null",
        "is_created": "\"sf__Created\" = 'true'" if outcome is Outcome.ACCEPTED else "null",
        "error_code": error_code_sql('"sf__Error"') if is_refused else "null",
        "message": message_class_sql('"sf__Error"', values) if is_refused else "null",
    }


def _refuse_bad_rows(con: duckdb.DuckDBPyConnection, path: Path, outcome: Outcome, key: str, relation: str) -> None:
    """Raise for the first row that lacks what every row of its kind has."""
    faults = {key: f"coalesce({ident(key)}, '') = ''"}
    if outcome is Outcome.ACCEPTED:
        faults |= {"sf__Id": "coalesce(\"sf__Id\", '') = ''"}
        faults |= {"sf__Created": "coalesce(\"sf__Created\", '') not in ('true', 'false')"}
    if outcome is Outcome.REFUSED:
        faults |= {"sf__Error": "coalesce(\"sf__Error\", '') = ''"}
    field_name = " ".join(f"when {condition} then {text(name)}" for name, condition in faults.items())
    statement = _statement("results_faulty.sql", relation=relation, field_name=f"case {field_name} end")
    found = con.execute(statement).fetchone()
    if found is not None:
        row, name = found
        raise TerminalError(
            "acknowledgement.value_invalid", f"{path.name}, row {row}: {name} is empty or no value of its kind", _AGAIN
        )


def _unreadable(path: Path) -> TerminalError:
    return TerminalError(
        "acknowledgement.unreadable", f"{path.name}: not UTF-8 text with comma-separated columns", _AGAIN
    )
