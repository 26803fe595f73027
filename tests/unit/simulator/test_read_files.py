"""The read files: days, formats, planted faults, and the truth they must add up to."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.unit.simulator.conftest import FIRST_NIGHT, NIGHTS, SMALL
from tests.unit.simulator.replay import good_rows, latest_reads, lines

from nightwatt.simulator import NightSummary, Utility, expected_reads, write_night
from nightwatt.simulator.mdm import Electric, Gas, batch_of, lines_of, text_of
from nightwatt.simulator.world import Customers, exchange

Nights = tuple[Path, list[NightSummary]]


def local_days(reads: pl.DataFrame, day: date) -> pl.DataFrame:
    local = pl.col("interval_start_at").dt.convert_time_zone("America/New_York").dt.date()
    return reads.filter(local == day)


def test_replaying_all_nights_latest_wins_gives_the_expected_reads(reads_folder: Nights) -> None:
    folder, _ = reads_folder
    replayed = latest_reads(folder)
    last = FIRST_NIGHT + timedelta(days=NIGHTS - 1)
    for ago in range(1, NIGHTS + 2):
        day = last - timedelta(days=ago)
        assert_frame_equal(local_days(replayed, day), expected_reads(SMALL, day, as_of=last), check_row_order=True)
    first_day = FIRST_NIGHT - timedelta(days=2)
    assert_frame_equal(local_days(replayed, first_day), expected_reads(SMALL, first_day))


def test_a_history_of_days_says_the_same_as_the_nights_one_by_one(tmp_path: Path, reads_folder: Nights) -> None:
    folder, _ = reads_folder
    last = FIRST_NIGHT + timedelta(days=NIGHTS - 1)
    write_night(SMALL, last, tmp_path, history_days=NIGHTS + 1, systems=["mdm"])
    since = pl.col("interval_start_at") >= latest_reads(tmp_path)["interval_start_at"].min()
    only_days = local_days_from(latest_reads(tmp_path), FIRST_NIGHT - timedelta(days=2))
    assert_frame_equal(only_days, local_days_from(latest_reads(folder).filter(since), FIRST_NIGHT - timedelta(days=2)))


def local_days_from(reads: pl.DataFrame, first: date) -> pl.DataFrame:
    return reads.filter(pl.col("interval_start_at").dt.convert_time_zone("America/New_York").dt.date() >= first)


@pytest.mark.parametrize(
    ("day", "quarters", "hours"),
    [(date(2026, 3, 8), 92, 23), (date(2026, 11, 1), 100, 25), (date(2026, 7, 4), 96, 24), (date(2028, 2, 29), 96, 24)],
)
def test_a_local_day_has_the_reads_its_clock_gives_it(tmp_path: Path, day: date, quarters: int, hours: int) -> None:
    utility = Utility(12, faults=False, gas_share=1.0)
    write_night(utility, day + timedelta(days=1), tmp_path, systems=["mdm"])
    rows = good_rows(tmp_path)
    per_point = rows.group_by("service_point_id", "channel").agg(
        n=pl.len(),
        first=pl.col("start_at").min(),
        last=pl.col("start_at").max(),
        distinct=pl.col("start_at").n_unique(),
    )
    assert set(per_point.filter(pl.col("channel").str.starts_with("E"))["n"]) == {quarters}
    assert set(per_point.filter(pl.col("channel").str.starts_with("G"))["n"]) == {hours}
    assert (per_point["n"] == per_point["distinct"]).all()
    local_first = per_point["first"].dt.convert_time_zone("America/New_York")
    assert set(local_first.dt.date()) == {day}
    assert set(local_first.dt.hour()) == {0}


def test_the_repeated_hour_is_told_apart_by_its_offset(tmp_path: Path) -> None:
    write_night(Utility(1, faults=False), date(2026, 11, 2), tmp_path, systems=["mdm"])
    text = lines(tmp_path / "mdm" / "mdm_interval_e_20261102_001.csv.gz")
    ends = [b",".join(line.split(b",")[3:5]) for line in text[1:]]
    assert ends[4:9] == [
        b"2026-11-01 01:15:00,-04:00",
        b"2026-11-01 01:30:00,-04:00",
        b"2026-11-01 01:45:00,-04:00",
        b"2026-11-01 01:00:00,-05:00",
        b"2026-11-01 01:15:00,-05:00",
    ]
    assert ends[0] == b"2026-11-01 00:15:00,-04:00"
    assert ends[-1] == b"2026-11-02 00:00:00,-05:00"


def test_headers_and_line_shapes_are_the_promised_ones(reads_folder: Nights) -> None:
    folder, _ = reads_folder
    electric = lines(folder / "mdm" / "mdm_interval_e_20260310_001.csv.gz")
    gas = lines(folder / "mdm" / "mdm_interval_g_20260310.psv.zst")
    assert (
        electric[0] == b"SP_ID,DEVICE_ID,COMP_TYPE,MSRMT_LOCAL_DTTM,UTC_OFFSET,MSRMT_VAL,UOM,COND_CD,LAST_UPDATE_DTTM"
    )
    assert gas[0] == b"SP_ID|MODULE_ID|START_UTC|CCF|FLAG|UPDATED_UTC"
    assert {len(line.split(b",")) for line in electric} == {8, 9}
    assert {len(line.split(b"|")) for line in gas} == {5, 6}
    blanks = {line.split(b",")[7] for line in electric if line.split(b",")[5] == b""}
    assert blanks == {b"201000"}


def test_the_manifest_counts_and_hashes_its_files(tmp_path: Path) -> None:
    summary = write_night(SMALL, date(2026, 6, 2), tmp_path, parts=3, systems=["mdm"])
    manifest = json.loads((tmp_path / "mdm" / "mdm_interval_e_20260602.manifest.json").read_text())
    assert manifest["business_date"] == "2026-06-02"
    assert len(manifest["files"]) == 3
    for entry in manifest["files"]:
        raw = (tmp_path / "mdm" / entry["name"]).read_bytes()
        rows = len(lines(tmp_path / "mdm" / entry["name"])) - 1
        assert entry == {
            "name": entry["name"],
            "rows": rows,
            "bytes": len(raw),
            "sha256": hashlib.sha256(raw).hexdigest(),
        }
        assert summary.file(f"mdm/{entry['name']}").rows == rows
    assert (tmp_path / "mdm" / "mdm_interval_g_20260602.psv.zst.done").stat().st_size == 0
    assert not list(tmp_path.rglob(".*"))


def test_each_kind_of_broken_line_is_planted_once_and_nothing_else_is_broken(reads_folder: Nights) -> None:
    folder, nights = reads_folder
    kinds = {"bad_number", "bad_date", "unknown_code", "missing_column", "long_precision", "empty_point"}
    for night in nights:
        assert night.bad == dict.fromkeys(kinds, 2)  # electric and gas
    assert good_rows(folder).height == sum(night.rows for night in nights) - 12 * len(nights)


def test_the_summary_counts_what_is_in_the_files(reads_folder: Nights) -> None:
    folder, nights = reads_folder
    rows = good_rows(folder)
    missing = rows.filter(pl.col("quality") == "MISSING").height
    assert missing == sum(n.total("missing") for n in nights)
    guessed = rows.filter(pl.col("quality") == "ESTIMATED").height
    assert guessed == sum(n.total("estimated") + n.total("substituted") for n in nights)
    exact = rows.height - rows.unique().height
    assert exact == sum(n.total("duplicated") for n in nights)
    key = ["service_point_id", "channel", "start_at"]
    again = rows.unique().height - rows.unique(key).height
    corrected = sum(n.total("corrected") for n in nights)
    assert 0 < again <= corrected


def test_faults_can_be_switched_off(tmp_path: Path) -> None:
    summary = write_night(Utility(300, faults=False), date(2026, 6, 2), tmp_path, history_days=3, systems=["mdm"])
    assert summary.bad == {}
    assert [summary.total(what) for what in ("late", "corrected", "duplicated")] == [0, 0, 0]
    assert summary.total("estimated") > 0


def test_faults_come_at_their_rates(tmp_path: Path) -> None:
    summary = write_night(Utility(3000), date(2026, 6, 2), tmp_path, systems=["mdm"])
    share = {what: summary.total(what) / summary.rows for what in ("estimated", "missing", "late")}
    assert 0.004 < share["estimated"] < 0.006
    assert 0.0014 < share["missing"] < 0.0026
    assert 0.0015 < share["late"] < 0.0045


def test_an_exchanged_meter_hands_over_at_its_hour(tmp_path: Path) -> None:
    utility = Utility(2000, faults=False)
    everyone = Customers(utility, pl.Series(range(2000), dtype=pl.UInt64).to_numpy())
    happens, days, hours = exchange(utility.seed, everyone.electric_points, 2026)
    chosen = happens.nonzero()[0][:1]
    day, hour = int(days[chosen][0]), int(hours[chosen][0])
    batch = batch_of(Electric, everyone.take(chosen), day, day + 1)
    rows = [line.split(b",") for line in text_of(lines_of(Electric, batch)).splitlines() if b"-DEL" in line]
    first, last = rows[0][1], rows[-1][1]
    assert first != last
    assert Counter(row[1] for row in rows)[first] == 4 * hour
    assert [row[1] for row in rows] == [first] * (4 * hour) + [last] * (len(rows) - 4 * hour)
    assert Gas.code == "g"
