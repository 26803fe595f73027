"""Which row of a read stays: small tables in, small tables out."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from tests.unit.reads.conftest import Merge
from tests.unit.reads.lake import NOON, Row, read, rows_of

from nightwatt.reads import ReadsStore

LATER = NOON + timedelta(days=2)
ONE, TWO = Decimal(1), Decimal(2)


def stored(store: ReadsStore) -> list[Row]:
    """Return the rows of the current version."""
    version = store.current()
    assert version is not None
    return rows_of(version.files)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        pytest.param({"last_updated_at": NOON, "load": 2}, {"last_updated_at": LATER, "load": 1}, id="source update"),
        pytest.param({"last_updated_at": None, "load": 2}, {"load": 1}, id="no stamp"),
        pytest.param(
            {"receipt_id": 1, "load": 2, "value": TWO},
            {"receipt_id": 2, "load": 1, "value": ONE},
            id="receipt before load",
        ),
        pytest.param({"load": 1, "receipt_id": 7, "value": TWO}, {"load": 2, "receipt_id": 7, "value": ONE}, id="load"),
        pytest.param({"quality": "substituted", "value": TWO}, {"quality": "actual", "value": ONE}, id="actual wins"),
        pytest.param({"quality": "estimated"}, {"quality": "substituted"}, id="substituted over estimated"),
        pytest.param({"quality": "missing", "value": None}, {"quality": "estimated"}, id="estimated over missing"),
        pytest.param({"value": ONE}, {"value": TWO}, id="larger value"),
        pytest.param({"value": Decimal("-2")}, {"value": Decimal("-1.99999999")}, id="larger value below zero"),
        pytest.param({"meter_id": "M1"}, {"meter_id": "M2"}, id="meter"),
        pytest.param({"unit": "kWh"}, {"unit": "kvarh"}, id="unit"),
    ],
)
@pytest.mark.parametrize("how", ["together", "older first", "newer first"])
def test_precedence(store: ReadsStore, merge: Merge, older: dict[str, Any], newer: dict[str, Any], how: str) -> None:
    """The newer row stays, whichever comes first and whether or not they come in one merge."""
    # Rows that differ in nothing but their tie-break share load and receipt, so they can only come together.
    rows = [read(**older), read(**newer)]
    if how == "together" or rows[0]["load_sequence"] == rows[1]["load_sequence"]:
        result = merge(*rows)
        assert (result.rows_in, result.inserted, result.updated, result.unchanged) == (2, 1, 0, 1)
    else:
        for row in rows if how == "older first" else rows[::-1]:
            result = merge(row)
        updated = int(how == "older first")
        assert (result.rows_in, result.inserted, result.updated, result.unchanged) == (1, 0, updated, 1 - updated)
    assert stored(store) == [rows[1]]


def test_a_duplicate_changes_nothing_and_touches_nothing(store: ReadsStore, merge: Merge) -> None:
    """The stored row keeps its receipt and load; its file stays the same file."""
    merge(read(1))
    before = store.current()
    result = merge(read(2), read(3))
    after = store.current()
    assert before and after
    assert after.files == before.files
    assert stored(store) == [read(1)]
    assert (result.rows_in, result.unchanged, result.conflicts) == (2, 2, 0)
    assert pl.read_parquet(result.touched).rows() == []


def test_a_late_older_receipt_does_not_beat_what_a_duplicate_confirmed(store: ReadsStore, merge: Merge) -> None:
    """Receipt 3 repeats receipt 1; receipt 2, held back until then, said something else in between."""
    merge(read(1, last_updated_at=None, value=ONE))
    merge(read(3, last_updated_at=None, value=ONE))
    result = merge(read(4, receipt_id=2, last_updated_at=None, value=TWO))
    assert stored(store) == [read(1, last_updated_at=None, value=ONE)]
    assert (result.updated, result.unchanged) == (0, 1)


def test_every_column_of_a_read_counts_as_a_change(store: ReadsStore, merge: Merge) -> None:
    """A contract that was put right (commodity, meter, length) reaches the store by loading again."""
    merge(read(1))
    for load, change in enumerate(({"commodity": "gas"}, {"meter_id": "M9"}, {"interval_min": 30}), start=2):
        assert merge(read(load, **change)).updated == 1
        assert stored(store) == [read(load, **change)]


def test_a_read_that_changes_its_zone_moves_to_its_new_date(store: ReadsStore, merge: Merge) -> None:
    """One instant is 8 March in New York and 9 March in London; both dates count as touched."""
    midnight = NOON + timedelta(hours=11)
    merge(read(1, interval_start_at=midnight), read(1, service_point_id="0002"))
    moved = read(2, interval_start_at=midnight, zone="Europe/London")
    result = merge(moved)
    assert (result.inserted, result.updated, result.unchanged) == (0, 1, 0)
    assert stored(store) == [read(1, service_point_id="0002"), moved]
    assert sorted(str(day) for *_, day in pl.read_parquet(result.touched).rows()) == ["2026-03-08", "2026-03-09"]


class TestConflicts:
    """`interval.conflict`: the same source update time, something else said."""

    def test_both_sides_are_written_down(self, store: ReadsStore, merge: Merge) -> None:
        merge(read(1, value=ONE))
        result = merge(read(2, value=TWO, quality="estimated"))
        assert result.conflicts == 1
        assert result.conflict_file
        assert pl.read_parquet(result.conflict_file).to_dicts() == [
            {
                "service_point_id": "0001",
                "channel": "delivered",
                "interval_start_at": NOON,
                "last_updated_at": read()["last_updated_at"],
                "read_date": read()["read_date"],
                "kept_value": TWO,
                "kept_quality": "estimated",
                "kept_unit": "kWh",
                "kept_receipt_id": 2,
                "kept_load_sequence": 2,
                "other_value": ONE,
                "other_quality": "actual",
                "other_unit": "kWh",
                "other_receipt_id": 1,
                "other_load_sequence": 1,
            }
        ]

    @pytest.mark.parametrize(
        ("first", "second", "expected"),
        [
            pytest.param({"value": ONE}, {"value": ONE}, 0, id="duplicate"),
            pytest.param({"value": ONE}, {"value": TWO}, 1, id="value"),
            pytest.param({"quality": "missing", "value": None}, {"value": ONE, "quality": "missing"}, 1, id="no value"),
            pytest.param({"quality": "actual"}, {"quality": "estimated"}, 1, id="quality"),
            pytest.param({"unit": "kWh"}, {"unit": "kvarh"}, 1, id="unit"),
            pytest.param({"meter_id": "M1"}, {"meter_id": "M2"}, 0, id="another meter is none"),
            pytest.param({"value": ONE}, {"value": TWO, "last_updated_at": LATER}, 0, id="a correction is none"),
            pytest.param(
                {"value": ONE, "last_updated_at": None},
                {"value": TWO, "last_updated_at": None},
                1,
                id="one file",
            ),
            pytest.param(
                {"value": ONE, "last_updated_at": None},
                {"value": TWO, "last_updated_at": None, "load": 2},
                0,
                id="no stamp, two files",
            ),
        ],
    )
    def test_what_counts(self, merge: Merge, first: dict[str, Any], second: dict[str, Any], expected: int) -> None:
        result = merge(read(**first), read(**second))
        assert result.conflicts == expected
        assert (result.conflict_file is not None) == bool(expected)

    def test_is_told_once(self, merge: Merge) -> None:
        """A later merge of the same service point does not find again what lies in the store."""
        assert merge(read(1, value=ONE), read(1, value=TWO)).conflicts == 1
        assert merge(read(2, interval_start_at=LATER)).conflicts == 0
