"""The same question gets the same bytes, however it is asked."""

from __future__ import annotations

import gzip
import hashlib
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from tests.unit.simulator.replay import lines

from nightwatt.errors import TerminalError
from nightwatt.simulator import Utility, ccb, mdm, write_night
from nightwatt.simulator.files import TextFile

NIGHT = date(2026, 1, 20)


def fingerprints(folder: Path) -> dict[str, str]:
    files = (p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_same_seed_gives_the_same_bytes_and_another_seed_other_ones(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_night(Utility(80, seed=seed), NIGHT, tmp_path / name, first_night=True, parts=2)
    a, b, c = (fingerprints(tmp_path / name) for name in "abc")
    assert a == b
    assert a.keys() == c.keys()
    names_alike = {name for name in a if a[name] == c[name]}
    assert names_alike == {"mdm/mdm_interval_g_20260120.psv.zst.done", "ccb/ccb_ci_sa_type_20260120.csv.gz"}


def test_chunk_size_changes_no_byte(tmp_path: Path) -> None:
    utility = Utility(150, seed=3)
    for name, chunk in (("small", 17), ("large", 5000)):
        mdm.write_electric(utility, NIGHT, tmp_path / name / "mdm", history_days=2, parts=1, chunk=chunk)
        mdm.write_gas(utility, NIGHT, tmp_path / name / "mdm", history_days=2, chunk=chunk)
        ccb.write_ccb(utility, NIGHT, tmp_path / name / "ccb", first_night=True, chunk=chunk)
    assert fingerprints(tmp_path / "small") == fingerprints(tmp_path / "large")


def test_parts_hold_the_same_lines_as_one_file(tmp_path: Path) -> None:
    utility = Utility(150, seed=3)
    counts = []
    for parts in (1, 4):
        folder = tmp_path / str(parts) / "mdm"
        mdm.write_electric(utility, NIGHT, folder, history_days=1, parts=parts)
        files = sorted(folder.glob("*.csv.gz"))
        assert len(files) == parts
        counts.append(Counter(line for file in files for line in lines(file)[1:]))
    assert counts[0] == counts[1]


def test_asking_for_fewer_parts_again_leaves_no_old_part(tmp_path: Path) -> None:
    for parts in (3, 2):
        write_night(Utility(20), NIGHT, tmp_path, parts=parts, systems=["mdm"])
    assert [p.name[-10:] for p in sorted(tmp_path.glob("mdm/*.csv.gz"))] == ["001.csv.gz", "002.csv.gz"]


def test_a_night_alone_is_the_same_as_a_night_among_others(tmp_path: Path) -> None:
    utility = Utility(60)
    write_night(utility, date(2026, 1, 19), tmp_path / "both")
    write_night(utility, NIGHT, tmp_path / "both")
    write_night(utility, NIGHT, tmp_path / "alone")
    both, alone = fingerprints(tmp_path / "both"), fingerprints(tmp_path / "alone")
    assert alone.items() <= both.items()


def test_the_gzip_header_carries_no_time_and_no_name(tmp_path: Path) -> None:
    with TextFile(tmp_path, "x.csv.gz") as out:
        out.add(b"a\n", 1)
    head = (tmp_path / "x.csv.gz").read_bytes()[:10]
    assert head[3:8] == b"\0" * 5
    assert gzip.decompress((tmp_path / "x.csv.gz").read_bytes()) == b"a\n"


def test_a_failed_file_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), TextFile(tmp_path, "x.csv.gz") as out:
        out.add(b"a\n", 1)
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shares", [0.0, 1.0])
def test_the_smallest_utility_can_be_written(tmp_path: Path, shares: float) -> None:
    utility = Utility(1, solar_share=shares, gas_share=shares)
    summary = write_night(utility, NIGHT, tmp_path)
    assert summary.file("mdm/mdm_interval_e_20260120_001.csv.gz").rows >= 96
    assert summary.file("ccb/ccb_ci_prem_20260120.csv.gz").rows == 1


@pytest.mark.parametrize(
    ("night", "how"),
    [(date(1999, 1, 1), {}), (NIGHT, {"history_days": 0}), (NIGHT, {"parts": 9}), (NIGHT, {"systems": ["gis"]})],
)
def test_refuses_what_it_cannot_make(tmp_path: Path, night: date, how: dict[str, object]) -> None:
    with pytest.raises(TerminalError):
        write_night(Utility(5), night, tmp_path, **how)
    assert list(tmp_path.iterdir()) == []
