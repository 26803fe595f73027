"""Legacy billing files the checker must take or refuse: the tables of `billing_vectors.yaml`, one test a row."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from nightwatt import duck
from nightwatt.delivery.opower.billing_profile import load_billing_profile
from nightwatt.delivery.opower.checker import check_name
from nightwatt.delivery.opower.checker_files import Question, check_files
from nightwatt.delivery.opower.findings import CheckReport, Collector

TABLES: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "billing_vectors.yaml").read_text("utf-8"))
ROWS = TABLES["rows"]


def body(name: str, rows: str) -> bytes:
    """Return a file's text: the header of its kind, and its rows."""
    headers = TABLES["headers"]
    full = headers["customer"] + "⇥" + headers["usage"].removeprefix("service_point_id⇥")
    header = next((text for kind, text in headers.items() if f"_{kind}_" in name), full)
    return f"{header}\n{rows}".replace("⇥", "\t").encode()


def check(folder: Path, files: list[tuple[str, str]]) -> CheckReport:
    """Check files in this order; return what is said of the last one, the others having nothing that refuses them."""
    paths = []
    for name, rows in files:
        paths.append(folder / name)
        paths[-1].write_bytes(gzip.compress(body(name, rows)))
    with duck.private_engine() as con:
        *before, last = check_files(paths, Question(zones=[]), con)
    assert [r.codes for r in before] == [{}] * len(before)
    return last


@pytest.mark.parametrize("case", TABLES["files"], ids=lambda c: c["case"])
def test_says_of_the_last_file_exactly_what_is_wrong(case: dict[str, Any], tmp_path: Path) -> None:
    for file in case["sequence"]:
        if "sha256" in file:
            text = body(file["name"], file["rows"])
            assert (len(text), hashlib.sha256(text).hexdigest()) == (file["bytes"], file["sha256"])

    report = check(tmp_path, [(file["name"], file["rows"]) for file in case["sequence"]])

    assert report.codes == case["finds"]
    assert report.corrections == case.get("corrections", report.corrections)
    assert report.rows == case["sequence"][-1]["rows"].count("\n") - report.codes.get("TAB_COUNT", 0)


@pytest.mark.parametrize("case", ROWS["cases"], ids=lambda c: c["case"])
def test_judges_a_row_by_what_is_on_record(case: dict[str, Any], tmp_path: Path) -> None:
    on_record = ROWS["on_record"] + (ROWS[case["after"]] + "\n" if "after" in case else "")
    before = ("opwr_gec_res_v1-19-0_usage_20250302053000.gz", on_record)

    report = check(tmp_path, [before, ("opwr_gec_res_v1-19-0_usage_20250402053000.gz", case["row"] + "\n")])

    assert report.codes == case["finds"]
    assert all(finding.lines == (2,) for finding in report.findings)


@pytest.mark.parametrize("case", TABLES["names"], ids=lambda c: c["name"])
def test_judges_the_file_name(case: dict[str, Any]) -> None:
    found = Collector()

    check_name(case["name"], load_billing_profile("opower/legacy_billing_v1-19-0"), found)

    said = "; ".join(f"{f.code}: {f.message}" for f in found.found()) or "ok"
    assert said == "ok" if case["verdict"] == "ok" else said.startswith("NAME_PATTERN") and case["verdict"] in said
