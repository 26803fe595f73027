"""Interval files and names the checker must refuse: the tables of `interval_rejections.yaml`, one test a row."""

from __future__ import annotations

import gzip
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from tests.support.delivery import NEW_YORK, profile

from nightwatt.delivery.opower.checker import check_interval_file, check_name
from nightwatt.delivery.opower.findings import Collector

TABLES: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    (Path(__file__).parent / "interval_rejections.yaml").read_text("utf-8")
)


def _hourly(first: str, count: int, without: list[str]) -> str:
    zone = ZoneInfo(NEW_YORK)
    ends = [datetime.fromisoformat(first) + timedelta(hours=n) for n in range(count)]
    left_out = {datetime.fromisoformat(end) for end in without}
    lines = [
        f"SP100\t1.5\t{end.astimezone(zone):%Y%m%d\t%H%M}\tKWH\tA\t{end.astimezone(zone):%z}\tELECTRIC\tCONSUMED\n"
        for end in ends
        if end not in left_out
    ]
    return "".join(lines)


@pytest.mark.parametrize("case", TABLES["files"], ids=lambda c: c["case"])
def test_finds_exactly_what_is_wrong_with_the_file(case: dict[str, Any], tmp_path: Path) -> None:
    rules = profile()
    text = case["rows"] if "rows" in case else _hourly(*case["hourly"], case.get("without", []))
    path = tmp_path / f"opwr_gec_res_v2-0-5_{case['type']}_20251231060000.gz"
    path.write_bytes(gzip.compress(f"{case.get('header', rules.header_line)}\n{text}".replace("⇥", "\t").encode()))

    report = check_interval_file(path, rules, [NEW_YORK])

    assert report.codes == case["finds"]
    assert case.get("says", "") in " ".join(f.message for f in report.findings)


@pytest.mark.parametrize("case", TABLES["names"], ids=lambda c: c["name"])
def test_judges_the_file_name(case: dict[str, Any]) -> None:
    found = Collector()

    check_name(case["name"], profile(), found)

    said = "; ".join(f"{f.code}: {f.message}" for f in found.found()) or "ok"
    assert said == "ok" if case["verdict"] == "ok" else said.startswith("NAME_PATTERN") and case["verdict"] in said
