"""Any file of IDocs gives the rows that cutting its lines one by one gives, and every line is accounted for.

The oracle walks the lines as a person would, with Python slices and a dictionary of IDocs.
"""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.idocs import control, segment, status, text_of
from tests.unit.intake.conftest import AT, TABLE, Bench, contract

from nightwatt.ledger import Ledger
from nightwatt.settings import Settings

FEED = contract(
    TABLE,
    """
format: {kind: idoc, client: "100", idoc_type: ZISU_BP01, message_type: ZISU_BP, row_segment: Z1ROW,
         other_segments: [Z1NOTE], error_statuses: ["51"]}
columns:
  - {name: ID, field: per_id, offset: 3, length: 4}
  - {name: HEAD, field: head, segment: Z1HEAD, offset: 0, length: 5}
  - {name: DOCNUM, field: docnum, control_field: DOCNUM}
""",
)

NAMES = st.sampled_from(["Z1ROW", "Z1ROW", "Z1HEAD", "Z1NOTE", "Z1NEW"])
IDOC = st.fixed_dictionaries(
    {
        "number": st.integers(1, 6),
        "fault": st.sampled_from(["", "", "", "", "type", "client", "status", "cut", "headless"]),
        "segments": st.lists(st.tuples(NAMES, st.integers(0, 4), st.integers(0, 99)), max_size=6),
    }
)


def written(plan: dict[str, Any]) -> list[str]:
    """Return the records of one planned IDoc; a segment's parent is so many places above it (0: none)."""
    number, fault = plan["number"], plan["fault"]
    lines = [] if fault == "headless" else [control(number, idoc_type="OTHER" if fault == "type" else "ZISU_BP01")]
    for place, (name, up, value) in enumerate(plan["segments"], start=1):
        parent = max(0, place - up) if up else 0
        client = "200" if fault == "client" else "100"
        lines.append(segment(number, place, name, f"V{value:05d}", parent=parent, client=client))
    if fault == "status":
        lines.append(status(number, "51"))
    if fault == "cut" and lines:
        lines[-1] = lines[-1][:-1]
    return lines


def oracle(lines: list[str]) -> tuple[list[tuple[str, str, str]], Counter[str]]:
    """Return the rows, and how many lines are kept, put aside by code, and passed over."""
    idocs: dict[tuple[str, int], list[str]] = {}
    heads: Counter[str] = Counter()
    for line in lines:
        is_data = not line.startswith("EDI_")
        number = line[33:49] if is_data else line[13:29]
        heads[number] += line.startswith("EDI_DC40")
        idocs.setdefault((number, max(1, heads[number])), []).append(line)
    rows: list[tuple[str, str, str]] = []
    counts: Counter[str] = Counter()
    first: dict[str, list[str]] = {}
    for (number, _), records in idocs.items():
        data = [r for r in records if not r.startswith("EDI_")]
        fault = fault_of(records, data)
        if fault is None and number in first:
            fault = "passed over" if sorted(data) == first[number] else "idoc.duplicate_number"
        if fault:
            counts[fault] += len(records)
            continue
        first[number] = sorted(data)
        counts["passed over"] += len(records) - len(data)
        by_place = {int(r[49:55]): r for r in data}
        for record in data:
            counts[fate(record, by_place, rows, number)] += 1
    return sorted(rows), counts


def fault_of(records: list[str], data: list[str]) -> str | None:
    heads = [r for r in records if r.startswith("EDI_DC40")]
    if not heads:
        return "idoc.no_control_record"
    if len(heads[0]) != 524 or any(len(r) != 1063 for r in data):
        return "idoc.cut"
    if any(r[30:33] != "100" for r in data):
        return "idoc.wrong_client"
    if heads[0][39:69].strip() != "ZISU_BP01":
        return "idoc.wrong_type"
    if any(r.startswith("EDI_DS40") for r in records):
        return "idoc.error_status"
    return "idoc.bad_segment_number" if len({r[49:55] for r in data}) < len(data) else None


def fate(record: str, by_place: dict[int, str], rows: list[tuple[str, str, str]], number: str) -> str:
    name = record[:30].strip()
    if name == "Z1NEW":
        return "idoc.unknown_segment"
    if int(record[55:61]) and int(record[55:61]) not in by_place:
        return "idoc.orphan_segment"
    if name != "Z1ROW":
        return "passed over"
    above = int(record[55:61])
    while above and by_place[above][:30].strip() != "Z1HEAD":
        above = int(by_place[above][55:61])
    if not above:
        return "idoc.orphan_segment"
    rows.append((record[63 + 3 : 63 + 7].strip(), by_place[above][63 : 63 + 5], number))
    return "kept"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans=st.lists(IDOC, min_size=1, max_size=6), order=st.randoms(use_true_random=False))
def test_any_file_gives_the_rows_that_cutting_its_lines_gives(
    plans: list[dict[str, Any]], order: random.Random
) -> None:
    idocs = [written(plan) for plan in plans]
    numbers = [plan["number"] for plan in plans]
    if len(set(numbers)) == len(numbers):  # with no number twice, the order of lines means nothing
        lines = [line for records in idocs for line in records]
        order.shuffle(lines)
    else:
        lines = [line for records in idocs for line in records]
    if not lines:
        return
    expected, counts = oracle(lines)
    with tempfile.TemporaryDirectory() as folder:
        home = Settings(home=Path(folder) / "home", threads=2)
        (Path(folder) / "in").mkdir()
        ledger = Ledger.open(home.ledger_address, lambda: AT)
        bench = Bench(home, ledger, Path(folder) / "in")
        result = bench.load(FEED, text_of(lines))
        found = Counter(r.code for r in bench.rejects(FEED, result))
        raw = {r.line: r.raw for r in bench.rejects(FEED, result)}
        ledger.close()
        files = [str(p) for p in home.lake.glob("people/load=*/*.parquet")]
        rows = duckdb.read_parquet(files).select("per_id, head, docnum").fetchall() if files else []
    passed = counts.pop("passed over", 0)
    kept = counts.pop("kept", 0)
    assert sorted(rows) == expected
    assert found == counts
    assert (result.rows_kept, result.rows_ignored, result.rows_in) == (kept, passed, len(lines))
    assert all(lines[line - 1].rstrip() == text for line, text in raw.items())
