"""Billing v2 files the checker must take or refuse: the tables of `billing_v2_vectors.yaml`, one test a row."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
import yaml

from nightwatt import duck
from nightwatt.delivery.opower.billing_v2_profile import load_billing_v2_profile
from nightwatt.delivery.opower.checker import check_name
from nightwatt.delivery.opower.checker_files import Question, check_files
from nightwatt.delivery.opower.findings import CheckReport, Collector, Level

TABLES: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "billing_v2_vectors.yaml").read_text("utf-8"))


def check(folder: Path, kind: str, files: list[str], **asked: Any) -> CheckReport:
    """Check files of one kind in this order; return what is said of the last one."""
    paths = []
    for number, rows in enumerate(files):
        paths.append(folder / f"opwr_gec_v2-0-3_{kind}_2025030205300{number}.gz")
        paths[-1].write_bytes(gzip.compress(f"{TABLES['headers'][kind]}\n{rows}".replace("⇥", "\t").encode()))
    with duck.private_engine() as con:
        return list(check_files(paths, Question(["America/New_York"], **asked), con))[-1]


@pytest.mark.parametrize("case", TABLES["names"], ids=lambda c: c["name"])
def test_judges_the_file_name(case: dict[str, Any]) -> None:
    found = Collector()

    check_name(case["name"], load_billing_v2_profile("opower/billing_v2-0-3"), found)

    said = "; ".join(f"{f.code}: {f.message}" for f in found.found()) or "ok"
    assert said == "ok" if case["verdict"] == "ok" else said.startswith("NAME_PATTERN") and case["verdict"] in said


@pytest.mark.parametrize("case", TABLES["chains"], ids=lambda c: c["case"])
def test_segments_of_an_agreement_touch_as_instants(case: dict[str, Any], tmp_path: Path) -> None:
    report = check(tmp_path, "billing_billsegment", case["files"])

    assert report.codes == case["finds"]
    assert report.corrections == case.get("corrections", report.corrections)
    if "hours" in case:
        assert report.first_end_at is not None and report.last_end_at is not None
        assert (report.last_end_at - report.first_end_at).total_seconds() == case["hours"] * 3600


@pytest.mark.parametrize("case", TABLES["rows"], ids=lambda c: c["row"])
def test_judges_a_row(case: dict[str, Any], tmp_path: Path) -> None:
    report = check(tmp_path, case["kind"], [case["row"] + "\n"])

    assert report.codes == case["finds"]
    assert all(finding.lines == (2,) for finding in report.findings)
    assert report.kind == case["kind"]


def test_a_gap_refuses_the_first_incremental(tmp_path: Path) -> None:
    gap = next(case for case in TABLES["chains"] if case["finds"] == {"GAP": 1})

    (finding,) = check(tmp_path, "billing_billsegment", gap["files"], first_incremental=True).findings

    assert (finding.code, finding.level) == ("GAP", Level.FILE)


def test_the_four_files_come_in_any_order_and_say_what_they_sum_to(tmp_path: Path) -> None:
    rows = "B1⇥S1⇥1⇥1⇥12.34⇥Customer charge⇥Y⇥\nB1⇥S1⇥1⇥2⇥-2.30⇥Credit⇥Y⇥\n"

    report = check(tmp_path, "billing_lineitem", [rows])

    assert {name: str(total.normalize()) for name, total in report.sums.items()} == {"calculated_amount": "10.04"}
    assert (report.rows, report.findings) == (2, ())
