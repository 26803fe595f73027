"""Which stretches of time the files of a sequence cover: what is missing between reads, and what came twice.

Belongs here: runs of unbroken reads by channel, file after file, in an engine that spills to disk. Does not belong
here: single rows (`checker_rules`), billing periods (`checker_record`), nor any code of the writer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl

from nightwatt import duck, durable
from nightwatt.delivery.opower.checker_lines import LINE
from nightwatt.delivery.opower.findings import SHOWN_LINES, Collector, Level, Sample

KEY = ["service_point_id", "commodity", "channel", "unit"]
DAY = 1440
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Covered:
    """What a file came to: its service points, and the reads that earlier files had already."""

    service_points: int
    stretches_again: int
    reads_again: int


class Coverage:
    """What the files of a sequence cover, in arrival order; memory is the engine's, which spills."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con
        keys = ", ".join(f"{name} varchar" for name in KEY)
        span = f"{keys}, first_end bigint, last_end bigint"
        con.execute(f"create or replace temp table covered ({span}, length bigint)")
        con.execute(f"create or replace temp table piece ({span}, line bigint)")
        con.execute(
            "create or replace temp table stretch "
            "(service_point_id varchar, first_end bigint, last_end bigint, line bigint)"
        )

    def load(self, path: Path) -> None:
        """Begin with what was covered when it was saved."""
        self._con.execute(f"insert into covered by name from read_parquet({duck.text(path)})")

    def save(self, path: Path) -> None:
        """Keep what is covered in one file."""
        aside = durable.aside_of(path)
        self._con.execute(f"copy covered to {duck.text(aside)} (format parquet, compression zstd)")
        durable.put_in_place(aside, path)

    def add(self, steps: pl.DataFrame, stamp: str, length: int) -> None:
        """Take the next rows of the present file; `step` is what lies between a row and the one before it."""
        # A break in one channel cuts the runs of the others too: harmless, touching pieces are joined afterwards.
        run = (pl.col("step") != length).fill_null(True).cast(pl.Int64).cum_sum().alias("run")
        pieces = (
            steps.with_columns(run)
            .group_by([*KEY, "run"])
            .agg(pl.col(stamp).min().alias("first_end"), pl.col(stamp).max().alias("last_end"), pl.col(LINE).min())
        )
        self._insert("piece", pieces.select(*KEY, "first_end", "last_end", LINE))

    def add_stretches(self, stretches: pl.DataFrame) -> None:
        """Take the next stretches of rows that one service point has to itself: their first and their last end."""
        self._insert("stretch", stretches.select("service_point_id", "first_end", "last_end", LINE))

    def finish_file(
        self,
        length: int,
        found: Collector,
        *,
        gap_level: Level = Level.WARNING,
        expects_corrections: bool = False,
    ) -> Covered:
        """Judge the file against itself and those before it, and count it among them.

        Args:
            gap_level: how bad missing time is.
            expects_corrections: reads that earlier files had are counted, but are no finding.
        """
        points = self._judge_stretches(found)
        self._con.execute(f"create or replace temp table run as {_statement('checker_runs.sql', length)}")
        self._note_holes(length, found, gap_level)
        again = self._note_again(length, Collector() if expects_corrections else found)
        self._con.execute("delete from piece")
        self._con.execute(
            f"insert into piece select {', '.join(KEY)}, first_end, last_end, null from covered where length = ?",
            [length],
        )
        self._con.execute("insert into piece from run")
        self._con.execute("delete from covered where length = ?", [length])
        self._con.execute(
            f"insert into covered select * exclude (line), {length} from ({_statement('checker_runs.sql', length)})"
        )
        self._con.execute("delete from piece")
        return Covered(points, *again)

    def _insert(self, table: str, frame: pl.DataFrame) -> None:
        self._con.register("rows_read", frame.to_arrow())
        self._con.execute(f"insert into {table} select * from rows_read")
        self._con.unregister("rows_read")

    def _judge_stretches(self, found: Collector) -> int:
        """Note what goes back in time after rows of other service points; return how many service points there are."""
        self._con.execute(
            "create or replace temp table back as select service_point_id, line from stretch qualify "
            "first_end < lag(last_end) over (partition by service_point_id order by line)"
        )
        count = _number(self._con, "select count(*) from back")
        if count:
            first = self._con.execute("from back order by line limit ?", [SHOWN_LINES]).fetchall()
            samples = [Sample(line, point) for point, line in first]
            found.add("ROW_ORDER", [line for _, line in first], count=count, samples=samples)
        points = _number(self._con, "select count(distinct service_point_id) from stretch")
        self._con.execute("delete from stretch")
        return points

    def _note_holes(self, length: int, found: Collector, level: Level) -> None:
        self._con.execute(f"create or replace temp table hole as {_statement('checker_holes.sql', length)}")
        count = _number(self._con, "select count(*) from hole")
        if not count:
            return
        first = self._con.execute("from hole order by line, first_end limit ?", [SHOWN_LINES]).fetchall()
        _, before, after, _ = first[0]
        found.add(
            "GAP",
            [line for *_, line in first],
            count=count,
            detail=f"the first between the ends {_shown(before, length)} and {_shown(after, length)}",
            level=level,
            samples=[
                Sample(line, point, f"{_shown(before, length)} to {_shown(after, length)}")
                for point, before, after, line in first
            ],
        )

    def _note_again(self, length: int, found: Collector) -> tuple[int, int]:
        self._con.execute(f"create or replace temp table again as {_statement('checker_again.sql', length)}")
        stretches, reads = self._con.execute("select count(*), coalesce(sum(reads), 0) from again").fetchall()[0]
        if stretches:
            first = self._con.execute("from again order by line, first_end limit ?", [SHOWN_LINES]).fetchall()
            found.add(
                "INT_DUP",
                [line for _, line, _, _ in first],
                count=int(reads),
                detail="an earlier file had them",
                samples=[Sample(line, point, f"from {_shown(end, length)} on") for point, line, end, _ in first],
            )
        return int(stretches), int(reads)


@contextmanager
def own_coverage(given: Coverage | None) -> Iterator[Coverage]:
    """Yield the coverage given, or one for a single file, in an engine of its own."""
    if given:
        yield given
        return
    with duck.private_engine() as con:
        yield Coverage(con)


def _statement(name: str, length: int) -> str:
    return (_HERE / name).read_text("utf-8").format(key=", ".join(KEY), length=length)


def _number(con: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(con.execute(query).fetchall()[0][0])


def _shown(minutes: int, length: int) -> str:
    """Say an end; daily reads are counted on the local clock, all others in UTC."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    return f"{moment:%Y-%m-%d}" if length == DAY else f"{moment:%Y-%m-%dT%H:%MZ}"
