"""IDoc files of the SAP form: record layouts, numbers, and the very rows of the table extracts."""

from __future__ import annotations

import hashlib
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.unit.simulator.replay import isu_table

from nightwatt.simulator import Utility, isu_idoc, write_night
from nightwatt.simulator.isu_idoc import ISU_SEGMENTS

NIGHT, UTILITY = date(2026, 5, 12), Utility(120, seed=6, faults=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole night and the night after it, in both forms."""
    folder = tmp_path_factory.mktemp("idocs")
    write_night(UTILITY, NIGHT, folder, first_night=True, systems=["isu", "isu_idoc"])
    write_night(UTILITY, NIGHT + timedelta(days=1), folder, systems=["isu", "isu_idoc"])
    return folder


def records(folder: Path, table: str, night: date = NIGHT) -> list[str]:
    return (folder / "isu" / f"isu_{table}_{night:%Y%m%d}.idoc").read_text(encoding="utf-8").splitlines()


def sliced(folder: Path, table: str, night: date) -> pl.DataFrame:
    """Cut the data records into the fields of their segment."""
    data = [line[63:] for line in records(folder, table, night) if not line.startswith("EDI_DC40")]
    cells: dict[str, list[str]] = {}
    offset = 0
    for name, width in ISU_SEGMENTS[table]:
        cells[name] = [text[offset : offset + width].rstrip() for text in data]
        offset += width
    assert all(not text[offset:].strip() for text in data)
    return pl.DataFrame(cells, schema=dict.fromkeys(cells, pl.String))


@pytest.mark.parametrize("table", ISU_SEGMENTS)
@pytest.mark.parametrize("night", [NIGHT, NIGHT + timedelta(days=1)])
def test_an_idoc_file_has_the_rows_of_the_table_file(folder: Path, table: str, night: date) -> None:
    rows = isu_table(folder, table, f"{night:%Y%m%d}")
    assert set(rows["MANDT"]) <= {"100"}
    assert_frame_equal(sliced(folder, table, night), rows.drop("MANDT"))
    assert [name for name, _ in ISU_SEGMENTS[table]] == rows.columns[1:]
    assert rows.height > 0 or night > NIGHT


@pytest.mark.parametrize("table", ISU_SEGMENTS)
def test_records_have_their_full_width_and_say_what_they_are(folder: Path, table: str) -> None:
    lines = records(folder, table)
    control = [line for line in lines if line.startswith("EDI_DC40  100")]
    data = [line for line in lines if line.startswith(f"Z1{table.upper()} ")]
    assert len(control) + len(data) == len(lines)
    assert {len(line) for line in control} == {524}
    assert {len(line) for line in data} == {1063}
    for line in control:  # places counted by hand from the record's published order of fields
        assert line[33:35] == "03", "passed to the port"
        assert line[35] == "1", "outbound from SAP"
        assert line[39:69].rstrip() == f"ZISU_{table.upper()}01"
        assert line[99:129].rstrip() == f"ZISU_{table.upper()}"
        assert line[148:158].rstrip() == "SAPISU"
        assert line[263:273].rstrip() == "NIGHTWATT"
        assert line[378:392] == "20260512013000"
    assert {line[30:33] for line in data} == {"100"}
    assert {line[55:61] for line in data} == {"000000"}, "root segments"
    assert {line[61:63] for line in data} == {"01"}


def test_idocs_are_numbered_once_and_hold_up_to_fifty_segments_from_one_on(folder: Path) -> None:
    numbers: list[str] = []
    empty = 0
    for night in (NIGHT, NIGHT + timedelta(days=1)):
        for table in ISU_SEGMENTS:
            segments: dict[str, list[int]] = {}
            for line in records(folder, table, night):
                if line.startswith("EDI_DC40"):
                    numbers.append(line[13:29])
                    segments[line[13:29]] = []
                else:
                    segments[line[33:49]].append(int(line[49:55]))
            assert all(found == list(range(1, len(found) + 1)) for found in segments.values())
            assert all(1 <= len(found) <= 50 for found in segments.values()) or segments == {numbers[-1]: []}
            empty += segments == {numbers[-1]: []}
            assert sum(len(found) < 50 for found in segments.values()) <= 1, "only the last one is short"
    assert len(set(numbers)) == len(numbers) > 10
    assert empty > 0, "a quiet night says so"
    assert all(len(number) == 16 and number.isdigit() for number in numbers)


def test_a_done_marker_follows_each_file_and_chunks_change_no_byte(tmp_path: Path) -> None:
    night = NIGHT + timedelta(days=1)
    for name, chunk in (("small", 37), ("large", 5000)):
        files = isu_idoc.write_isu_idocs(UTILITY, night, tmp_path / name, first_night=False, chunk=chunk)
        written = [f.name.removeprefix(f"{name}/") for f in files]
        plain = [f"isu_{table}_{night:%Y%m%d}.idoc" for table in ISU_SEGMENTS]
        assert written == [*plain, *(f"{file}.done" for file in plain)]
        for file in files:
            path = tmp_path / file.name
            assert (file.bytes, file.sha256) == (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())
            assert file.rows == sum(
                not line.startswith("EDI") for line in path.read_text(encoding="utf-8").splitlines()
            )
    for path in (tmp_path / "small").iterdir():
        assert path.read_bytes() == (tmp_path / "large" / path.name).read_bytes()
