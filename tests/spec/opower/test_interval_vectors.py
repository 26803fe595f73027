"""The interval file of the Opower file specification digest: what was measured, and the bytes that must come out.

The tables are in `interval_vectors.yaml`, readable without Python. The checker must find nothing wrong with them.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.delivery import NEW_YORK, Read, body, contract, hours, loaded, local, profile, published

from nightwatt.delivery.opower.checker import Agreed, check_interval_file
from nightwatt.delivery.opower.interval_writer import Selection, write_interval_files

VECTORS: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "interval_vectors.yaml").read_text("utf-8"))


def _reads(vector: dict[str, Any]) -> list[Read]:
    facts = {"service_point_id": vector["service_point"]}
    if series := vector.get("series"):
        return hours(series["first"], series["count"], vector["length_min"], **facts)
    found = []
    for line in vector["reads"].splitlines():
        day, clock, offset, value, quality, channel = line.split()
        found.append(
            Read(
                start=local(f"{day} {clock} {offset}"),
                value=value,
                quality=None if quality == "-" else quality,
                channel=channel,
                length_min=vector["length_min"],
                **facts,
            )
        )
    return found


def _write(vector: dict[str, Any], folder: Path) -> Path:
    generated = datetime.fromisoformat(vector.get("generated", "2025-12-31T06:00:00+00:00")).astimezone(UTC)
    with published(_reads(vector)) as con:
        written = write_interval_files(
            con,
            contract(length_min=vector["length_min"]),
            profile(min_decimals=vector["min_decimals"], clock_change=vector["clock_change"]),
            Selection("electricity", vector["length_min"], loaded()),
            folder,
            generated,
        )
    assert len(written.files) == 1
    return written.files[0].path


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["id"])
def test_writes_the_vector_byte_for_byte(vector: dict[str, Any], tmp_path: Path) -> None:
    path = _write(vector, tmp_path)

    text = body(path)
    if "file" in vector:
        assert text.decode() == vector["file"].replace("⇥", "\t")
    if "excerpt" in vector:
        assert vector["excerpt"].replace("⇥", "\t") in text.decode()
    assert (len(text), hashlib.sha256(text).hexdigest()) == (vector["bytes"], vector["sha256"])
    assert path.name == vector.get("name", path.name)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["id"])
def test_checker_finds_nothing_wrong_with_the_vector(vector: dict[str, Any], tmp_path: Path) -> None:
    path = _write(vector, tmp_path)
    rules = profile(min_decimals=vector["min_decimals"], clock_change=vector["clock_change"])

    report = check_interval_file(path, rules, [NEW_YORK], Agreed(utility="gec", population="res"))

    reads = _reads(vector)
    assert (report.codes, report.rows, report.service_points) == ({}, len(reads), 1)
    assert sum(report.sums.values()) == sum(Decimal(str(r.value)) for r in reads)
    assert report.estimated_rows == sum(r.quality != "actual" for r in reads)
