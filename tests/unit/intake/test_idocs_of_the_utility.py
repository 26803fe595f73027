"""The make-believe utility's IDoc files read by contracts made from its segments: every row, every field."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import polars as pl
import pytest
import yaml
from tests.unit.intake.conftest import TABLE, contract

from nightwatt.simulator import Utility, write_night
from nightwatt.simulator.isu import KEYS, nights_rows
from nightwatt.simulator.isu_idoc import ISU_SEGMENTS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.intake.conftest import Bench

NIGHT, UTILITY = date(2026, 5, 12), Utility(40, seed=6, faults=False)


@pytest.mark.parametrize("table", ISU_SEGMENTS)
def test_every_field_of_every_row_comes_out_as_it_went_in(bench: Bench, tmp_path: Path, table: str) -> None:
    columns, offset = [], 0
    for column, width in ISU_SEGMENTS[table]:
        columns.append({"name": column, "field": column.lower(), "offset": offset, "length": width})
        offset += width
    name = table.upper()
    form = {"idoc_type": f"ZISU_{name}01", "message_type": f"ZISU_{name}", "row_segment": f"Z1{name}"}
    form |= {"kind": "idoc", "client": "100"}
    feed = contract(TABLE, yaml.safe_dump({"format": form, "columns": columns, "key": [KEYS[table][0].lower()]}))
    write_night(UTILITY, NIGHT, tmp_path, first_night=True, systems=["isu_idoc"])
    content = (tmp_path / "isu" / f"isu_{table}_{NIGHT:%Y%m%d}.idoc").read_bytes()

    result = bench.load(feed, content)

    rows = pl.concat([chunk[table] for chunk in nights_rows(UTILITY, NIGHT, first_night=True)])
    assert (result.held, result.rows_rejected, result.rows_kept) == (None, 0, rows.height)
    fields = ", ".join(name.lower() for name, _ in ISU_SEGMENTS[table])
    wanted = {tuple(row) for row in rows.select([name for name, _ in ISU_SEGMENTS[table]]).iter_rows()}
    assert set(bench.lake(feed, fields)) == wanted
