"""What dbt finds in the schema `lake`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from nightwatt.contracts.canonical import READ_COLUMNS
from nightwatt.ledger import Ledger
from nightwatt.ledger.models import Publication, Receipt
from nightwatt.settings import Settings
from nightwatt.warehouse import BuildInputs, StoreVersionInput, TableInput, duck_file
from nightwatt.warehouse.inputs import Scope, attach_inputs, reads_scan, scope_since, table_view
from nightwatt.warehouse.ledger_copy import COPIED

PERSONS = {"per_id": "VARCHAR", "amount": "DECIMAL(18,2)", "last_update_dttm": "TIMESTAMP"}
FULL = Scope(True)
NIGHT = date(2026, 3, 9)


@pytest.fixture
def con(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    with duck_file.writer(settings, "test") as opened:
        yield opened


def parquet(path: Path, query: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    duckdb.sql(query).write_parquet(str(path))
    return path


def read_file(root: Path, day: str, sp: str = "S1", value: str = "1.5") -> Path:
    values = {
        "service_point_id": sp,
        "channel": "delivered",
        "interval_start_at": f"{day} 05:00",
        "interval_min": "15",
        "value": value,
        "read_date": day,
        "zone": "America/New_York",
    }
    columns = ", ".join(
        f"cast({repr(values[c]) if c in values else 'null'} as {t}) as {c}" for c, t in READ_COLUMNS.items()
    )
    return parquet(root / f"data/read_date={day}/r0-v1.parquet", f"select {columns}")


def store(files: list[Path], touched: list[Path] | None = None, version: int = 3) -> StoreVersionInput:
    return StoreVersionInput(
        version, files, lambda _: touched, date(2026, 3, 7), date(2026, 3, 8), ("America/New_York",), 9
    )


def described(con: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    return {r[0]: r[1] for r in con.execute(f"describe {relation}").fetchall()}


def test_a_feed_without_files_is_typed_and_empty(con: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    attach_inputs(con, BuildInputs({"ccb_per": TableInput(PERSONS, [])}, as_of=NIGHT), FULL, ledger)
    assert described(con, "lake.ccb_per") == {
        **PERSONS, "_receipt_id": "INTEGER", "_load_sequence": "BIGINT", "_source_row": "BIGINT"
    }  # fmt: skip
    assert con.execute("select count(*) from lake.ccb_per").fetchone() == (0,)


def test_a_column_added_later_is_null_in_older_files(
    con: duckdb.DuckDBPyConnection, ledger: Ledger, tmp_path: Path
) -> None:
    old = parquet(tmp_path / "old.parquet", "select '007' as per_id, 'x' as dropped, 1::bigint as _load_sequence")
    attach_inputs(con, BuildInputs({"ccb_per": TableInput(PERSONS, [old])}, as_of=NIGHT), FULL, ledger)
    assert con.execute("select per_id, amount, _load_sequence from lake.ccb_per").fetchall() == [("007", None, 1)]


def test_reads_are_pruned_by_folder(con: duckdb.DuckDBPyConnection, ledger: Ledger, tmp_path: Path) -> None:
    files = [read_file(tmp_path, f"2026-03-{d:02}") for d in range(1, 21)]
    attach_inputs(con, BuildInputs({}, store(files), as_of=NIGHT), FULL, ledger)
    assert described(con, "lake.interval_reads") == READ_COLUMNS
    plan = con.execute("explain select sum(value) from lake.interval_reads where read_date = '2026-03-08'").fetchall()
    assert "1/20" in plan[0][1]


def test_no_reads_yet_is_typed_and_empty(con: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    attach_inputs(con, BuildInputs({}, as_of=NIGHT), FULL, ledger)
    assert described(con, "lake.interval_reads") == READ_COLUMNS
    assert con.execute("select * from lake.build_scope").fetchall() == [(True, None, NIGHT)]
    assert con.execute("select count(*) from lake.local_days").fetchone() == (0,)


def test_touched_keys_are_distinct_over_versions(
    con: duckdb.DuckDBPyConnection, ledger: Ledger, tmp_path: Path
) -> None:
    one = "select 'S1' as service_point_id, 'delivered' as channel, date '2026-03-08' as read_date"
    files = [parquet(tmp_path / f"t{n}.parquet", one) for n in range(2)]
    attach_inputs(con, BuildInputs({}, store([]), as_of=NIGHT), Scope(False, files), ledger)
    assert con.execute("from lake.touched_reads").fetchall() == [("S1", "delivered", date(2026, 3, 8))]
    assert con.execute("from lake.build_scope").fetchall() == [(False, 3, NIGHT)]


def test_local_days_know_the_clock_change(con: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    attach_inputs(con, BuildInputs({}, store([]), as_of=NIGHT), FULL, ledger)
    assert con.execute(
        "select zone, local_date, minutes, start_at::varchar, end_at::varchar from lake.local_days order by all"
    ).fetchall() == [
        ("America/New_York", date(2026, 3, 7), 1440, "2026-03-07 05:00:00", "2026-03-08 05:00:00"),
        ("America/New_York", date(2026, 3, 8), 1380, "2026-03-08 05:00:00", "2026-03-09 04:00:00"),
    ]


def test_the_ledger_is_copied_with_its_types(con: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    at = datetime(2026, 3, 9, 8, 30, tzinfo=UTC)
    receipt: dict[str, Any] = {
        "feed": "ccb_per", "business_date": date(2026, 3, 9), "file_name": "a.gz", "content_sha256": "0" * 64,
        "size_bytes": 2**40, "unpacked_bytes": 1, "line_count": 1, "sent_at": at, "arrived_at": at,
        "state": "loaded", "is_complete": True,
    }  # fmt: skip
    with ledger.write() as session:
        session.add(Receipt(**receipt))
        session.add(
            Publication(
                sequence=4, domain="usage", as_of=date(2026, 3, 9), state="published", through_sequence=3,
                tables={"b": 2, "a": 1}, started_at=at,
            )
        )  # fmt: skip
    attach_inputs(con, BuildInputs({}, as_of=NIGHT), FULL, ledger)
    assert con.execute(
        "select feed, size_bytes, arrived_at::varchar, is_complete, rows_in from lake.receipts"
    ).fetchall() == [("ccb_per", 2**40, "2026-03-09 08:30:00", True, None)]
    assert con.execute("select sequence, tables from lake.publications").fetchall() == [(4, '{"a": 1, "b": 2}')]
    assert described(con, "lake.runs")["started_at"] == "TIMESTAMP"
    for name in COPIED:
        con.execute(f"select * from lake.{name}")


def test_attaching_again_replaces_and_keeps_what_others_built_on_it(
    con: duckdb.DuckDBPyConnection, ledger: Ledger
) -> None:
    attach_inputs(con, BuildInputs({"ccb_per": TableInput(PERSONS, [])}, as_of=NIGHT), FULL, ledger)
    con.execute("create view stg as select per_id from lake.ccb_per")
    attach_inputs(con, BuildInputs({"ccb_per": TableInput(PERSONS, [])}, as_of=NIGHT), FULL, ledger)
    assert con.execute("from stg").fetchall() == []


def test_a_failed_attach_changes_nothing(con: duckdb.DuckDBPyConnection, ledger: Ledger, tmp_path: Path) -> None:
    attach_inputs(con, BuildInputs({"ccb_per": TableInput(PERSONS, [])}, as_of=NIGHT), FULL, ledger)
    with pytest.raises(duckdb.IOException):
        attach_inputs(
            con, BuildInputs({"ccb_x": TableInput(PERSONS, [tmp_path / "none.parquet"])}, as_of=NIGHT), FULL, ledger
        )
    assert con.execute("from lake.ccb_per").fetchall() == []


@pytest.mark.parametrize(
    ("last", "touched", "expected"),
    [
        (None, [Path("t")], Scope(True)),  # never built
        (4, [Path("t")], Scope(True)),  # built from a newer store than this one
        (2, None, Scope(True)),  # the store cannot say
        (2, [Path("t")], Scope(False, (Path("t"),))),
        (3, [], Scope(False)),
    ],
)
def test_scope_follows_the_last_recorded_build(last: int | None, touched: list[Path] | None, expected: Scope) -> None:
    assert scope_since(store([], touched), last, is_full=False) == expected


def test_types_are_not_a_way_into_the_sql() -> None:
    with pytest.raises(ValueError, match="not a DuckDB type"):
        table_view("f", TableInput({"a": "VARCHAR); drop table x; --"}, []))


def test_files_outside_date_folders_are_read_plainly(tmp_path: Path) -> None:
    assert "hive_partitioning = false" in reads_scan([tmp_path / "x.parquet"])
