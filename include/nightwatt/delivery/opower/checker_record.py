"""What the files of a sequence put on record: periods of service points, and accounts, in arrival order.

Belongs here: rules about a row and others of its service point, account or premise, in this file and those before,
set by set in an engine that spills to disk. Does not belong here: single rows (`checker_billing`), interval reads
(`checker_coverage`), nor any code of the writer.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from nightwatt.delivery.opower.billing_profile import FileKind
from nightwatt.delivery.opower.findings import SHOWN_LINES, Collector, Level, Sample

_HERE = Path(__file__).parent
_MOST_DISPUTED = 500
"""Rows of one service point judged one after the other. Who has more in a file has no periods, but a wrong id."""

_TABLES = """
create or replace temp table period (service_point_id varchar, starts_on bigint, ends_on bigint);
create or replace temp table usage_row (
    service_point_id varchar, starts_on bigint, ends_on bigint, days bigint, is_estimated boolean, line bigint
);
create or replace temp table account (
    account_id varchar, service_point_id varchar, premise_id varchar, customer_id varchar, first_active_on bigint,
    active_on bigint, inactive_on bigint, line bigint, file_number bigint
);
create or replace temp table account_row (
    account_id varchar, service_point_id varchar, premise_id varchar, customer_id varchar,
    active_on bigint, inactive_on bigint, is_deleted boolean, line bigint
);
"""


@dataclass(frozen=True)
class Told:
    """What the rows of a file came to."""

    service_points: int
    first_start: int | None
    last_end: int | None
    gaps: int
    overlaps: int
    corrections: int
    notes: tuple[str, ...] = ()


class Record:
    """Periods and accounts as the files of a sequence left them; memory is the engine's, which spills."""

    def __init__(
        self, con: duckdb.DuckDBPyConnection, *, gap_level: Level = Level.WARNING, customers_come: bool = False
    ) -> None:
        """Begin with nothing on record.

        Args:
            gap_level: how bad missing time is; in the first incremental file it is no warning.
            customers_come: the sequence has customer or full files; else no usage can be called an orphan.
        """
        self._con = con
        self._gap_level = gap_level
        self._customers_come = customers_come
        self._file = 0
        con.execute(_TABLES)

    def add_usage(self, periods: pl.DataFrame) -> None:
        """Take the next periods of the present file."""
        self._insert("usage_row", periods)

    def add_accounts(self, accounts: pl.DataFrame) -> None:
        """Take the next account rows of the present file."""
        self._insert("account_row", accounts)

    def finish_file(self, kind: FileKind, found: Collector) -> Told:
        """Judge the file against itself and those before it, and put it on record."""
        self._file += 1
        if kind != "usage":
            self._judge_accounts(found, is_customer_file=kind == "customer")
        if kind == "customer":
            points = self._number("select count(distinct service_point_id) from account_row")
            told = Told(points, None, None, 0, 0, 0)
        else:
            told = self._judge_usage(found, kind)
        self._con.execute("delete from usage_row; delete from account_row")
        return told

    # ---- usage ------------------------------------------------------------------------------------------------

    def _judge_usage(self, found: Collector, kind: FileKind) -> Told:
        self._make("classed", "checker_classes.sql")
        self._note(found, "ROW_ORDER", "ends_on < end_before_in_file", "classed")
        self._note(
            found,
            "ROW_ORDER",
            "not was_estimated and is_estimated and not coalesce(ends_on < end_before_in_file, false)",
            "classed",
            detail="an estimate after the actual read of the same period",
        )
        self._note(found, "ENTITY_DUP", "times > 1", "classed", detail="a period of a service point")
        self._judge_disputed()
        self._note(
            found,
            "GAP",
            "class = 'gap'",
            "verdict",
            detail=self._first_gap(),
            level=self._gap_level,
        )
        self._note(found, "OVERLAP_BAD", "class = 'bad'", "verdict")
        self._put_on_record()
        notes = self._note_orphans(found) if kind == "usage" else ()
        points, first, last = self._row(
            "select count(distinct service_point_id), min(starts_on), max(ends_on) from usage_row"
        )
        gaps, bad, corrections = self._row(
            "select count(*) filter (where class = 'gap'), count(*) filter (where class = 'bad'), "
            "count(*) filter (where class in ('again', 'replaces')) from verdict"
        )
        return Told(int(points or 0), first, last, int(gaps or 0), int(bad or 0), int(corrections or 0), notes)

    def _judge_disputed(self) -> None:
        """Settle service points with a period that reaches back: one period after the other, all points at once."""
        columns = "service_point_id, line, starts_on, ends_on, newest_end, class"
        self._con.execute(
            "create or replace temp table disputed as from classed where service_point_id in "
            "(select service_point_id from classed where class = 'disputed')"
        )
        self._con.execute(
            "create or replace temp table disputed_period as from period "
            "where service_point_id in (select service_point_id from disputed)"
        )
        self._con.execute(
            f"create or replace temp table verdict as select {columns} from classed "
            "where service_point_id not in (select service_point_id from disputed)"
        )
        most = self._number("select coalesce(max(place), 0) from disputed")
        statement = (_HERE / "checker_verdicts.sql").read_text("utf-8")
        for place in range(1, min(most, _MOST_DISPUTED) + 1):
            self._con.execute(f"create or replace temp table now as {statement}", {"place": place})
            self._con.execute(
                "delete from disputed_period using now where now.class = 'replaces' "
                "and disputed_period.service_point_id = now.service_point_id "
                "and disputed_period.starts_on >= now.starts_on"
            )
            self._con.execute(
                "insert into disputed_period select service_point_id, starts_on, ends_on from now "
                "where class not in ('again', 'bad')"
            )
            self._con.execute(f"insert into verdict select {columns} from now")
        self._con.execute(
            f"insert into verdict select {columns.replace('class', '')} if(class = 'disputed', 'bad', class) "
            "from disputed where place > ?",
            [_MOST_DISPUTED],
        )

    def _put_on_record(self) -> None:
        self._con.execute("delete from period where service_point_id in (select service_point_id from disputed)")
        self._con.execute("insert into period from disputed_period")
        self._con.execute(
            "insert into period select service_point_id, starts_on, ends_on from verdict "
            "where class in ('first', 'next', 'gap') "
            "and service_point_id not in (select service_point_id from disputed)"
        )

    def _first_gap(self) -> str:
        day = "date '1970-01-01' + {}::integer"
        rows = self._con.execute(
            f"select {day.format('newest_end')}, {day.format('starts_on')}, starts_on - newest_end "
            "from verdict where class = 'gap' order by line limit 1"
        ).fetchall()
        return f"the first from {rows[0][0]:%Y-%m-%d} to {rows[0][1]:%Y-%m-%d}, {rows[0][2]} days" if rows else ""

    def _note_orphans(self, found: Collector) -> tuple[str, ...]:
        if not self._customers_come:
            return ("no customer file was given: whether every service point is known could not be checked",)
        self._note(found, "ORPHAN_USAGE", "service_point_id not in (select service_point_id from account)", "usage_row")
        return ()

    # ---- accounts ---------------------------------------------------------------------------------------------

    def _judge_accounts(self, found: Collector, *, is_customer_file: bool) -> None:
        self._make("told", "checker_account_rows.sql")
        self._note(found, "ACTIVE_DATE_CHANGED", "active_on <> first_active_on", "told")
        self._note(
            found,
            "ROW_ORDER",
            "active_on < active_before",
            "told",
            detail="an older account after the one it made way for",
        )
        if is_customer_file:
            self._note(found, "ENTITY_DUP", "times > 1", "told", detail="an account at a service point")
        self._con.execute(
            "delete from account using told where told.account_id = account.account_id "
            "and told.service_point_id = account.service_point_id"
        )
        self._con.execute(
            "insert into account select account_id, service_point_id, premise_id, customer_id, first_active_on, "
            "active_on, inactive_on, line, ? from told where is_last and not is_deleted",
            [self._file],
        )
        statement = (_HERE / "checker_shared_premises.sql").read_text("utf-8")
        self._con.execute(f"create or replace temp table shared as {statement}", {"file_number": self._file})
        self._note(found, "PREMISE_SHARED", "true", "shared")

    # ---- the engine -------------------------------------------------------------------------------------------

    def _insert(self, table: str, frame: pl.DataFrame) -> None:
        if frame.height:
            self._con.register("rows_read", frame.to_arrow())
            self._con.execute(f"insert into {table} by name select {_renamed(frame)} from rows_read")
            self._con.unregister("rows_read")

    def _make(self, table: str, statement: str) -> None:
        self._con.execute(f"create or replace temp table {table} as {(_HERE / statement).read_text('utf-8')}")

    def _note(
        self, found: Collector, code: str, condition: str, table: str, *, detail: str = "", level: Level | None = None
    ) -> None:
        count = self._number(f"select count(*) from {table} where {condition}")
        if count:
            first = self._con.execute(
                f"select line, service_point_id from {table} where {condition} order by line limit {SHOWN_LINES}"
            ).fetchall()
            samples = [Sample(line, point) for line, point in first]
            found.add(code, [line for line, _ in first], count=count, detail=detail, level=level, samples=samples)

    def _row(self, query: str) -> tuple[int | None, ...]:
        return tuple(self._con.execute(query).fetchall()[0])

    def _number(self, query: str) -> int:
        return int(self._row(query)[0] or 0)


def _renamed(frame: pl.DataFrame) -> str:
    return ", ".join("line_number as line" if name == "line_number" else name for name in frame.columns)
