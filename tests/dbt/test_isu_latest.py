"""SAP IS-U: the newest version of every row, with deletions and slices that are written anew."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.dbt.sap_rows import sap
from tests.dbt.scratch import NOW, Scratch

OPEN = "99991231"


def night(scratch: Scratch, model: str, *, full: bool = False) -> None:
    """Build one model, then list the loads seen as int_isu__built_loads does at the end of a night."""
    scratch.build(f"+{model}", full=full)
    with scratch.connect() as con:
        con.execute(
            "create or replace table intermediate.int_isu__built_loads as select sequence load_sequence from lake.loads"
        )


def slices(scratch: Scratch) -> list[tuple[Any, ...]]:
    wanted = "select installation_id, slice_start_date::varchar, slice_end_key, rate_category_code"
    live = "from intermediate.int_isu__latest_installation_slices where not is_deleted order by all"
    return [tuple(row.values()) for row in scratch.rows(f"{wanted} {live}")]


def test_a_rewritten_slice_is_not_there_twice(scratch: Scratch) -> None:
    """SAP ends a slice by deleting it and writing it anew: its last day is part of its key."""
    later, model = NOW + timedelta(days=1), "int_isu__latest_installation_slices"
    whole = {"anlage": "A1", "ab": "20250101", "bis": OPEN, "tariftyp": "E_RES_1"}
    ended = whole | {"bis": "20260309"}
    begun = whole | {"ab": "20260310", "tariftyp": "E_RES_2"}
    other = whole | {"mandt": "200"}
    scratch.load("isu_eanlh", sap(whole, other))
    night(scratch, model)
    scratch.load("isu_eanlh", [*sap(whole, at=later, operation="D"), *sap(ended, begun, at=later)])
    night(scratch, model)
    expected = [
        ("A1", "2025-01-01", "20260309", "E_RES_1"),
        ("A1", "2025-01-01", OPEN, "E_RES_1"),  # of the other client
        ("A1", "2026-03-10", OPEN, "E_RES_2"),
    ]
    assert slices(scratch) == expected
    night(scratch, model, full=True)
    assert slices(scratch) == expected


def test_what_was_deleted_stays_deleted_when_an_older_file_comes_late(scratch: Scratch) -> None:
    model = "int_isu__latest_premises"
    premise = {"vstelle": "P1", "haus": "H1"}
    scratch.load("isu_evbs", sap(premise, operation="D"))
    night(scratch, model)
    scratch.load("isu_evbs", sap(premise, at=NOW - timedelta(days=1), operation=""))
    night(scratch, model)
    found = scratch.rows("select premise_id, is_deleted from intermediate.int_isu__latest_premises")
    assert found == [{"premise_id": "P1", "is_deleted": True}]
