"""What a billing profile can switch, full files, and that neither blocks nor the writer have a say in what is found."""

from __future__ import annotations

import ast
import gzip
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.opower_files import (
    FULL_HEADER,
    account_row,
    check,
    hour,
    interval_row,
    month,
    name_of,
    text_of,
    usage_row,
)

from nightwatt import duck
from nightwatt.delivery.opower import checker_files, checker_lines
from nightwatt.delivery.opower.billing_profile import BillingProfile, load_billing_profile
from nightwatt.delivery.opower.checker_billing import check_billing_file
from nightwatt.delivery.opower.checker_record import Record
from nightwatt.delivery.opower.findings import CheckReport, Collector

ROWS = [usage_row("SP1", month(n), month(n + 1)) for n in range(6)]


def profile(**changes: Any) -> BillingProfile:
    """Return the packaged profile with keys changed."""
    return BillingProfile.model_validate(load_billing_profile("opower/legacy_billing_v1-19-0").model_dump() | changes)


def by(rules: BillingProfile, folder: Path, *files: tuple[str, str]) -> list[CheckReport]:
    """Check files of these kinds and texts by a profile."""
    reports = []
    with duck.private_engine() as con:
        record = Record(con)
        for n, (kind, text) in enumerate(files):
            path = folder / name_of(kind, f"202603{n + 1:02}060000")
            path.write_bytes(gzip.compress(text.encode()))
            reports.append(check_billing_file(path, rules, record, Collector()))
    return reports


def test_the_last_day_as_end_date_moves_the_period_by_a_day_and_nothing_else(tmp_path: Path) -> None:
    rules = profile(period={"date_to": "last_day", "longest_days": 400})
    rows = [
        f"SP1\t612.4\t{month(n + 1) - timedelta(days=1):%Y%m%d}\t{(month(n + 1) - month(n)).days}\tA\t91.86"
        for n in range(6)
    ]

    (report,) = by(rules, tmp_path, ("usage", text_of("usage", rows)))

    assert (report.codes, report.first_day, report.last_day) == ({}, month(0), month(6))


def test_a_full_file_may_have_the_join_column_twice(tmp_path: Path) -> None:
    rules = profile(join_column_twice=True)
    header = FULL_HEADER.replace("\tusage_value", "\tservice_point_id\tusage_value")
    rows = "".join(f"{account_row('SP1')}\t{row}\n" for row in ROWS)

    (report,) = by(rules, tmp_path, ("full", f"{header}\n{rows}"))

    assert (report.codes, report.rows, report.service_points) == ({}, 6, 1)


def test_a_zero_and_a_negative_amount_are_taken_where_the_profile_says_so(tmp_path: Path) -> None:
    rules = profile().model_dump() | {"zero": "accept"}
    rules["blocks"]["usage"][1]["number"]["negative_enabled"] = True
    text = text_of("usage", [usage_row("SP1", month(n), month(n + 1), value) for n, value in enumerate(["0", "-7.5"])])

    (report,) = by(BillingProfile.model_validate(rules), tmp_path, ("usage", text))

    assert (report.codes, str(report.sums["usage_value"].normalize())) == ({}, "-7.5")


def test_a_deleted_account_makes_room_once_deletion_is_enabled(tmp_path: Path) -> None:
    old, new = account_row("SP1", "C1", "A1"), account_row("SP1", "C2", "A2", "20260101")
    files = [("customer", text_of("customer", rows)) for rows in ([old], [old.replace("\t\t07", "\tt\t07"), new])]

    reports = by(profile(deletion_enabled=True), tmp_path, *files)

    assert [r.codes for r in reports] == [{}, {}]
    assert by(profile(), tmp_path, *files)[1].codes == {"DELETE_NOT_ENABLED": 1}


def test_a_full_file_carries_a_move_and_the_next_one_goes_on(tmp_path: Path) -> None:
    def row(account: str, n: int) -> str:
        return f"{account}\t{usage_row('SP1', month(n), month(n + 1)).partition(chr(9))[2]}"

    leaves = account_row("SP1", "C1", "A1", "20240101", "20240301")
    enters = account_row("SP1", "C2", "A2", "20240301")
    stays = account_row("SP1", "C1", "A1", "20240101")
    files = [
        (name_of("full", "20240201060000"), text_of("full", [row(stays, 0)])),
        (name_of("full", "20240401060000"), text_of("full", [row(leaves, 1), row(enters, 2)])),
        (name_of("full", "20240501060000"), text_of("full", [row(enters, 3)])),
        (name_of("full", "20240601060000"), text_of("full", [row(stays, 4)])),
    ]

    reports = check(tmp_path, files)

    assert [r.codes for r in reports] == [{}, {}, {}, {"PREMISE_SHARED": 1}]


@pytest.mark.parametrize("size", [61, 300, 4096])
def test_blocks_do_not_change_what_is_found_in_a_sequence(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = [account_row(f"SP{n}", f"C{n}", f"A{n}") for n in range(5)]
    reads = [usage_row(f"SP{n}", month(m), month(m + 1)) for n in range(5) for m in range(6)]
    hours = [
        interval_row(f"SP{n}", hour(h), channel=c)
        for n in range(3)
        for h in range(9)
        for c in ("DELIVERED", "RECEIVED")
    ]
    del reads[8], hours[11]
    files = [
        (name_of("customer"), text_of("customer", [*accounts, accounts[0]])),
        (name_of("usage"), text_of("usage", [*reads, reads[3], "SP9\t1", usage_row("SP2", month(1), month(4))])),
        (name_of("interval60"), text_of("interval60", [*hours, hours[-1]])),
    ]
    whole = check(tmp_path, files)

    monkeypatch.setattr(checker_lines, "BLOCK", size)

    assert check(tmp_path, files) == whole
    assert [r.codes for r in whole] == [
        {"ENTITY_DUP": 1},
        {"TAB_COUNT": 1, "ROW_ORDER": 2, "OVERLAP_BAD": 1, "ENTITY_DUP": 1, "GAP": 1},
        {"GAP": 1, "INT_DUP": 1},
    ]


def test_the_checker_knows_nothing_of_the_writers() -> None:
    folder = Path(checker_files.__file__).parent
    own = {"checker", "findings", "profile", "billing_profile", "billing_v2_profile"}
    for path in folder.glob("checker*.py"):
        imported = {
            node.module.rpartition(".")[2]
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nightwatt.delivery.opower.")
        }
        assert {name for name in imported if not name.startswith("checker_")} <= own, path.name
