"""Parquet is read like every other format: typed by the contract, counted by rows, its bad rows shown and replayed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.unit.intake.conftest import Bench, contract

from nightwatt.contracts.feed import Feed
from nightwatt.intake import LoadResult, intake
from nightwatt.ledger.models import ReceiptState

PEOPLE = """
feed: people
title: People
system: ccb
owner: desk@nightwatt.invalid
domain: billing
entity: table
format: {kind: parquet}
columns:
  - {name: ID, field: id}
  - {name: NOTE, field: note}
  - {name: BAL, field: bal, type: decimal}
  - {name: SINCE, field: since, type: date}
  - {name: UPD, field: updated_at, type: timestamp}
key: [id]
mode: delta
reject_tolerance_pct: 90
arrival: {pattern: "people_{business_date:%Y%m%d}.parquet", wholeness: {rule: quiet}}
deadlines: {expected_by: "03:00", late_at: "05:00", deadline: "06:00"}
"""
GAS = """
entity: interval_read
domain: usage
commodity: gas
mode: append
key: []
columns:
  - {name: SP, field: service_point_id}
  - {name: DAY, field: stamp_date, type: date}
  - {name: "V{slot}", field: value, type: decimal, slots: 2, channel: delivered, unit: therm}
interval:
  length_min: 720
  marks: start
  clock: {kind: fixed, offset: "-05:00"}
  quality: {constant: actual}
"""
NAMES = ("ID", "NOTE", "BAL", "SINCE", "UPD")


def row(**values: str | None) -> dict[str, str | None]:
    return {"ID": "1", "NOTE": None, "BAL": "0", "SINCE": "2026-03-09", "UPD": "2026-03-09 01:02:03.000004"} | values


def packed(table: pa.Table, folder: Path) -> bytes:
    path = folder / "made.parquet"
    pq.write_table(table, path)
    return path.read_bytes()


def load(bench: Bench, rows: list[dict[str, str | None]], more: str = "{}") -> tuple[Feed, LoadResult]:
    table = pa.Table.from_pylist(rows, pa.schema([(n, pa.string()) for n in NAMES]))
    return load_table(bench, table, more)


def load_table(bench: Bench, table: pa.Table, more: str = "{}") -> tuple[Feed, LoadResult]:
    feed = contract(PEOPLE, more)
    receipt, path = bench.receipt(feed, packed(table, bench.folder))
    receipt.line_count = table.num_rows
    return feed, intake(receipt, feed, bench.settings, bench.ledger, path)


def lake(bench: Bench, result: LoadResult) -> list[tuple[Any, ...]]:
    file = bench.settings.lake / "people" / f"load={result.sequence}" / "part-0.parquet"
    return duckdb.sql(f"select id, note, bal, since, updated_at, _source_row from '{file}'").fetchall()


def test_text_is_typed_by_the_contract_and_nothing_is_rounded(bench: Bench) -> None:
    odd = 'say "hé"\nand; ,more\u2028'
    _, result = load(bench, [row(BAL="1234567890.12345678", NOTE=odd), row(ID="0002", BAL="-0.00000001", NOTE="")])

    at = datetime.fromisoformat("2026-03-09T01:02:03.000004")
    assert (result.rows_in, result.rows_kept, result.rows_rejected) == (2, 2, 0)
    assert lake(bench, result) == [
        ("1", odd, Decimal("1234567890.12345678"), date(2026, 3, 9), at, 1),
        ("0002", None, Decimal("-0.00000001"), date(2026, 3, 9), at, 2),
    ]


def test_columns_of_other_types_are_read_by_what_they_mean(bench: Bench) -> None:
    east = datetime.fromisoformat("2026-03-08T20:02:03.000004-05:00")
    table = pa.table(
        {
            "UPD": pa.array([east], pa.timestamp("us", "America/New_York")),
            "BAL": pa.array([Decimal("7.25")], pa.decimal128(12, 2)),
            "SINCE": pa.array([date(2026, 3, 9)]),
            "NOTE": pa.array([None], pa.null()),
            "ID": pa.array([7], pa.int64()),
        }
    )
    _, result = load_table(bench, table)

    assert lake(bench, result) == [
        ("7", None, Decimal("7.25"), date(2026, 3, 9), east.astimezone(UTC).replace(tzinfo=None), 1)
    ]


def test_a_bad_row_is_put_aside_as_the_object_it_is(bench: Bench) -> None:
    bad = row(ID="2", BAL="1.123456789", NOTE="twö\nlines")
    feed, result = load(bench, [row(), bad, row(ID=None)])

    assert (result.rows_in, result.rows_kept, result.rows_rejected) == (3, 1, 2)
    first, second = bench.rejects(feed, result)
    assert (first.line, first.code, first.column) == (2, "row.too_precise", "BAL")
    assert json.loads(first.raw) == bad
    assert "\n" not in first.raw
    assert (second.line, second.code) == (3, "row.required_blank")


def test_a_replay_reads_the_rows_again_by_the_contract_as_it_is_now(bench: Bench) -> None:
    load(bench, [row(), row(ID="2", SINCE="09.03.2026"), row(ID=" ")])
    again = bench.replay(contract(PEOPLE, '{columns: [{name: ID, field: id}, {name: NOTE, field: note}, '
        '{name: BAL, field: bal, type: decimal}, {name: SINCE, field: since, type: date, format: "%d.%m.%Y"}, '
        '{name: UPD, field: updated_at, type: timestamp}]}'))  # fmt: skip

    assert (again.rows_kept, again.rows_rejected) == (1, 1)
    assert [r.line for r in bench.rejects(contract(PEOPLE, "{}"), again)] == [3]
    state = bench.state()
    assert (state.rows_in, state.rows_kept, state.rows_rejected) == (3, 2, 1)


def test_corrected_rows_take_the_place_of_the_bad_ones(bench: Bench, tmp_path: Path) -> None:
    feed, _ = load(bench, [row(), row(ID="2", BAL="x"), row(ID="3", BAL="y")])
    fixed = tmp_path / "fixed.json"
    fixed.write_text(
        "\n".join(json.dumps(r, ensure_ascii=False) for r in (row(ID="2", NOTE="a\u2028b"), row(ID="3", BAL="y"))),
        "utf-8",
    )
    again = bench.replay(feed, fixed=fixed)

    assert (again.rows_kept, again.rows_rejected) == (1, 1)
    assert lake(bench, again)[0][:2] == ("2", "a\u2028b")
    assert [r.line for r in bench.rejects(feed, again)] == [3]


@pytest.mark.parametrize("wrong", ["no object", '{"ID": "1"}', json.dumps(row() | {"BAL": 7.0}), "[]"])
def test_what_is_no_row_is_refused_with_its_line(bench: Bench, tmp_path: Path, wrong: str) -> None:
    feed, _ = load(bench, [row(), row(ID="2", BAL="x")])
    fixed = tmp_path / "fixed.json"
    fixed.write_text(wrong, "utf-8")
    with pytest.raises(Exception, match=r"rejects\.not_a_row.*fixed\.json line 1"):
        bench.replay(feed, fixed=fixed)
    assert bench.state().rows_rejected == 1


def test_other_columns_than_the_contracts_are_refused(bench: Bench) -> None:
    _, result = load_table(bench, pa.table({"ID": ["1"], "NOTE": ["canary"]}))

    assert result.held is not None
    assert "file.header_mismatch" in result.held
    assert "missing BAL, SINCE, UPD" in result.held
    assert (bench.state().state, "canary" in result.held) == (ReceiptState.HELD, False)


def test_a_column_without_text_is_refused(bench: Bench) -> None:
    columns = {n: pa.array([None], pa.string()) for n in NAMES} | {"NOTE": pa.array([[1]])}
    _, result = load_table(bench, pa.table(columns))

    assert result.held is not None
    assert "file.column_type" in result.held


def test_a_damaged_file_says_so(bench: Bench) -> None:
    feed = contract(PEOPLE, "{}")
    result = bench.load(feed, b"PAR1 and nothing else PAR1")

    assert result.held is not None
    assert "file.unreadable" in result.held


def test_reads_come_by_parquet_too(bench: Bench) -> None:
    feed = contract(PEOPLE, GAS)
    table = pa.table({"SP": ["1", "2"], "DAY": ["2026-03-09", "9.3."], "V1": ["1.5", "1"], "V2": ["2", "1"]})
    receipt, path = bench.receipt(feed, packed(table, bench.folder))
    receipt.line_count = 2
    result = intake(receipt, feed, bench.settings, bench.ledger, path)
    assert (result.rows_in, result.rows_kept, result.rows_rejected, result.records_out) == (2, 1, 1, 2)
