"""Legacy billing files as the writer makes them: byte for byte those of `billing_vectors.yaml`, hashes included."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.billing import Agreement, Billed, on_record, write
from tests.support.delivery import body
from tests.support.opower_files import USAGE_HEADER

from nightwatt.delivery.opower.billing_writer import Written

TABLES: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "billing_vectors.yaml").read_text("utf-8"))
JANUARY, FEBRUARY, MARCH, APRIL = (date(2025, month, 1) for month in (1, 2, 3, 4))
POWER, GAS = Agreement(), Agreement(account="A-G1", point="SP-G1", commodity="gas")
JANUARY_POWER = Billed(JANUARY, FEBRUARY, "812.4", "121.86")
FEBRUARY_POWER = Billed(FEBRUARY, MARCH, "640", "96.00", estimated=True)
JANUARY_GAS = Billed(JANUARY, FEBRUARY, "74.25", "88.10", account="A-G1", point="SP-G1")
FEBRUARY_GAS = Billed(FEBRUARY, MARCH, "61", "72.40", account="A-G1", point="SP-G1")


def vector(case: str, kind: str) -> tuple[int, str]:
    """Return size and hash of the newest file of a kind of a case."""
    (found,) = [c for c in TABLES["files"] if c["case"] == case]
    files = [f for f in found["sequence"] if f"_{kind}_" in f["name"] and "sha256" in f]
    return files[-1]["bytes"], files[-1]["sha256"]


def made(written: Written, kind: str) -> tuple[int, str]:
    """Return size and hash of what the only file of a kind unpacks to."""
    (text,) = [body(f.file.path) for f in written.files if f.kind == kind]
    return len(text), hashlib.sha256(text).hexdigest()


def test_tv_09_customers_first_then_usage(tmp_path: Path) -> None:
    written = write(tmp_path, [GAS, POWER], [FEBRUARY_GAS, JANUARY_GAS, FEBRUARY_POWER, JANUARY_POWER])

    case = "TV-09 two files, customers first"
    assert [f.kind for f in written.files] == ["customer", "usage"]
    assert written.files[0].file.name == "opwr_gec_res_v1-19-0_customer_20250302053000.gz"
    # A second later than the digest's example: files that arrive together load by stamp, and usage must not be first.
    assert written.files[1].file.name == "opwr_gec_res_v1-19-0_usage_20250302053001.gz"
    assert [made(written, kind) for kind in ("customer", "usage")] == [vector(case, k) for k in ("customer", "usage")]


def test_tv_10_the_same_in_one_file(tmp_path: Path) -> None:
    written = write(tmp_path, [POWER, GAS], [JANUARY_GAS, JANUARY_POWER], mode="full")

    assert [f.file.name for f in written.files] == ["opwr_gec_res_v1-19-0_full_20250302053000.gz"]
    assert made(written, "full") == vector("TV-10 one file", "full")


@pytest.mark.parametrize("newest_first", [True, False])
def test_tv_11_of_one_period_the_newest_update_comes_last(tmp_path: Path, newest_first: bool) -> None:
    old = Billed(FEBRUARY, MARCH, "640", "96.00", estimated=True, updated=datetime(2025, 3, 2, tzinfo=UTC))
    new = Billed(FEBRUARY, MARCH, "655.5", "98.33", updated=datetime(2025, 3, 4, tzinfo=UTC))
    february = [new, old] if newest_first else [old, new]

    written = write(tmp_path, [POWER], [*february, JANUARY_POWER])

    assert made(written, "usage") == vector("TV-11 the actual read comes last", "usage")


def test_tv_12_two_periods_billed_again_as_one_replace_what_is_on_record(tmp_path: Path) -> None:
    record = f"{USAGE_HEADER}\nSP-E1\t812.4\t20250201\t31\tA\t121.86\nSP-E1\t640\t20250301\t28\tE\t96.00\n"
    taken_back = Billed(FEBRUARY, MARCH, None, None, cancelled=True, sequence=5)
    again = Billed(FEBRUARY, APRIL, "1301", "195.15", sequence=5)

    written = write(
        tmp_path, [POWER], [JANUARY_POWER, taken_back, again], sent=on_record(tmp_path, ("usage.gz", record))
    )

    assert written.not_expressible == 0
    assert made(written, "usage") == vector("TV-12 an overlapping overwrite", "usage")


def test_tv_15_who_moves_out_comes_before_who_moves_in(tmp_path: Path) -> None:
    out = Agreement(inactive=date(2025, 6, 16))
    into = Agreement(account="A-E9", customer="C777", active=date(2025, 6, 16))

    written = write(tmp_path, [into, out], today=date(2025, 6, 17))

    assert made(written, "customer") == vector("TV-15 move-out, then move-in", "customer")


def test_tv_20_text_comes_out_clean_and_nothing_else_is_touched(tmp_path: Path) -> None:
    place = Agreement(city="Saint\tDenis", street="Rue de l'Église\r\n", zip_code="02108", mail="Null")

    written = write(tmp_path, [place])

    cells = body(written.files[0].file.path).split(b"\n")[1].split(b"\t")
    assert cells[4] == b"Null"
    assert cells[12] == b"Rue de l'\xc3\x89glise"
    assert (cells[14], cells[16]) == (b"Saint Denis", b"02108")
    assert len(cells) == 17
