"""What the Billing v2 files of a sequence put on record: keys of a file, and segments of every service agreement.

Belongs here: rules about a row and others, in this file and those before, set by set in an engine that spills to disk.
Does not belong here: single rows (`checker_billing_v2`), or periods of legacy files (`checker_record`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl

from nightwatt.delivery.opower.findings import SHOWN_LINES, Collector, Level, Sample

_STATEMENT = Path(__file__).parent / "checker_chains.sql"
_TABLES = """
create or replace temp table segment (
    bill_id varchar, bill_segment_id varchar, service_agreement_id varchar, starts_at bigint, ends_at bigint,
    line bigint, file_number bigint
);
create or replace temp table key_row (key_text varchar, line bigint);
"""


@dataclass(frozen=True)
class Told:
    """What the rows of a file came to."""

    first_start_at: datetime | None = None
    last_end_at: datetime | None = None
    overlaps: int = 0
    corrections: int = 0


class Chains:
    """Segments as the files of a sequence left them; memory is the engine's, which spills."""

    def __init__(self, con: duckdb.DuckDBPyConnection, *, gap_level: Level, overlap_level: Level) -> None:
        self._con = con
        self._gap_level = gap_level
        self._overlap_level = overlap_level
        self._file = 0
        con.execute(_TABLES)

    def add_keys(self, keys: pl.DataFrame) -> None:
        """Take the primary keys of the next rows of the present file."""
        self._insert("insert into key_row select * from rows_read", keys)

    def add_segments(self, segments: pl.DataFrame) -> None:
        """Take the next segments of the present file; instants are seconds since 1970."""
        self._insert(f"insert into segment select *, {self._file + 1} from rows_read", segments)

    def finish_file(self, found: Collector, *, has_segments: bool) -> Told:
        """Judge the file against itself and those before it."""
        self._file += 1
        self._note_keys(found)
        return self._judge_chains(found) if has_segments else Told()

    def _note_keys(self, found: Collector) -> None:
        self._con.execute(
            "create or replace temp table again as select line from key_row "
            "qualify row_number() over (partition by key_text order by line desc) > 1"
        )
        lines = self._lines("again")
        if lines:
            count = self._number("select count(*) from again")
            found.add("ENTITY_DUP", lines, count=count, detail="a primary key")
        self._con.execute("delete from key_row")

    def _judge_chains(self, found: Collector) -> Told:
        statement = _STATEMENT.read_text("utf-8").format(file=self._file)
        self._con.execute(f"create or replace temp table broken as {statement}")
        self._note(found, "GAP", "gap", self._gap_level)
        overlaps = self._note(found, "OVERLAP_BAD", "overlap", self._overlap_level)
        first, last = self._con.execute(
            "select min(starts_at), max(ends_at) from segment where file_number = ?", [self._file]
        ).fetchall()[0]
        corrections = self._number(
            "select count(*) from (select bill_id, bill_segment_id from segment group by all "
            f"having count(*) > 1 and max(file_number) = {self._file})"
        )
        return Told(_instant(first), _instant(last), overlaps, corrections)

    def _note(self, found: Collector, code: str, kind: str, level: Level) -> int:
        count = self._number(f"select count(*) from broken where class = '{kind}'")
        if count:
            first = self._con.execute(
                "select line, service_agreement_id, ended_at, starts_at from broken where class = ? "
                "order by line, starts_at limit ?",
                [kind, SHOWN_LINES],
            ).fetchall()
            _, _, ended, starts = first[0]
            found.add(
                code,
                [line for line, *_ in first],
                count=count,
                detail=f"the first between the end {_shown(ended)} and the start {_shown(starts)}",
                level=level,
                samples=[
                    Sample(line, value=f"{agreement}: {_shown(ended)} to {_shown(starts)}")
                    for line, agreement, ended, starts in first
                ],
            )
        return count

    def _insert(self, statement: str, frame: pl.DataFrame) -> None:
        self._con.register("rows_read", frame.to_arrow())
        self._con.execute(statement)
        self._con.unregister("rows_read")

    def _lines(self, table: str) -> list[int]:
        return [line for (line,) in self._con.execute(f"from {table} order by line limit {SHOWN_LINES}").fetchall()]

    def _number(self, query: str) -> int:
        return int(self._con.execute(query).fetchall()[0][0])


def _instant(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)


def _shown(seconds: int) -> str:
    return f"{_instant(seconds):%Y-%m-%dT%H:%M:%SZ}"
