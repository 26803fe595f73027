"""The interval writer: which reads, in which order, as which bytes; what is held back is counted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.support.delivery import Read, body, contract, hours, loaded, local, profile, published, rows

from nightwatt.contracts.delivery import OpowerIntervalDelivery
from nightwatt.delivery.opower.checker import Agreed, check_interval_file
from nightwatt.delivery.opower.interval_sql import offset_text, periods
from nightwatt.delivery.opower.interval_writer import Selection, Written, write_interval_files
from nightwatt.delivery.opower.profile import IntervalProfile
from nightwatt.errors import TerminalError

NOON = local("2025-01-15 12:00 -0500")
STAMP = datetime(2025, 1, 16, 6, tzinfo=UTC)


def write(
    folder: Path,
    reads: list[Read],
    rules: IntervalProfile | None = None,
    delivery: OpowerIntervalDelivery | None = None,
    since: int | None = None,
    through: int = 9,
) -> Written:
    """Write reads with the packaged profile and an hourly contract, unless told otherwise."""
    delivery = delivery or contract()
    selection = Selection(delivery.commodity, delivery.length_min, loaded(since, through))
    with published(reads) as con:
        return write_interval_files(con, delivery, rules or profile(), selection, folder, STAMP)


def test_takes_what_was_loaded_after_the_last_file_and_through_the_publication(tmp_path: Path) -> None:
    reads = [replace(Read(NOON + timedelta(hours=n)), load_sequence=n) for n in range(1, 6)]

    written = write(tmp_path, reads, since=2, through=4)

    assert [row[3] for row in rows(written.files[0].path)] == ["1600", "1700"]
    assert written.totals.rows == 2


def test_takes_only_the_contracts_commodity_and_length(tmp_path: Path) -> None:
    reads = [Read(NOON), replace(Read(NOON), commodity="gas", unit="therm"), replace(Read(NOON), length_min=15)]

    assert write(tmp_path, reads).totals.rows == 1


def test_takes_only_reads_of_the_feeds_the_contract_names(tmp_path: Path) -> None:
    delivery = contract(feeds=["ours"])
    selection = Selection(delivery.commodity, delivery.length_min, loaded(), delivery.feeds)
    with published([Read(NOON), replace(Read(NOON), service_point_id="ELSEWHERE")]) as con:
        con.execute("update fct_interval_reads set receipt_id = if(service_point_id = 'ELSEWHERE', 2, 1)")
        con.execute("create table ops_receipts as from (values (1, 'ours'), (2, 'theirs')) t(receipt_id, feed)")
        written = write_interval_files(con, delivery, profile(), selection, tmp_path, STAMP)

    assert [row[0] for row in rows(written.files[0].path)] == ["SP100"]
    assert (written.totals.rows, written.left_out) == (1, {})


@pytest.mark.parametrize("days_before", range(6))
@pytest.mark.parametrize("change", ["2026-03-08 12:00 -0400", "2025-11-02 12:00 -0500"])
def test_the_days_before_a_clock_change_have_the_offset_of_before(
    tmp_path: Path, change: str, days_before: int
) -> None:
    start = (local(change).astimezone(ZoneInfo("America/New_York")) - timedelta(days=days_before)).replace(hour=12)

    written = write(tmp_path, [Read(start)])

    assert [row[6] for row in rows(written.files[0].path)] == [f"{start:%z}"]


def test_rows_run_by_service_point_then_instant_then_channel(tmp_path: Path) -> None:
    reads = [
        Read(NOON + timedelta(hours=hour), service_point_id=point, channel=channel)
        for channel in ("received", "delivered")
        for hour in (1, 0)
        for point in ("SP2", "SP10", "SP1")
    ]

    written = write(tmp_path, reads)

    assert [(r[0], r[3], r[8]) for r in rows(written.files[0].path)] == [
        (point, time, channel)
        for point in ("SP1", "SP10", "SP2")
        for time in ("1300", "1400")
        for channel in ("DELIVERED", "RECEIVED")
    ]


def test_same_reads_in_any_order_give_the_same_bytes(tmp_path: Path) -> None:
    reads = hours("2025-01-15 00:00 -0500", 24) + hours("2025-01-15 00:00 -0500", 24, service_point_id="SP2")

    first = write(tmp_path / "a", reads)
    second = write(tmp_path / "b", reads[::-1])

    assert first.files[0].path.read_bytes() == second.files[0].path.read_bytes()
    assert first.files[0].sha256 == second.files[0].sha256
    assert first.files[0].path.read_bytes()[:10].hex() == "1f8b0800000000000" + "0ff"[-3:]  # no name, mtime 0


def test_what_cannot_be_sent_is_left_out_and_counted(tmp_path: Path) -> None:
    later = iter(range(1, 10))

    def read(**facts: Any) -> Read:
        return replace(Read(NOON + timedelta(hours=next(later))), **facts)

    reads = [
        read(),
        read(value=None, quality="missing"),
        read(value="-1"),
        read(value="1000000000"),
        read(unit="kvarh"),
    ]

    written = write(tmp_path, reads)

    assert written.totals.rows == len(rows(written.files[0].path)) == 1
    assert written.left_out == {"missing": 1, "negative": 1, "too_large": 1, "unit_not_sent": 1}


OFF_AND_ON_THE_GRID = [
    (15, "America/New_York", "2025-01-15 12:07 -0500", "2025-01-15 12:15 -0500"),
    (15, "Asia/Kathmandu", "2025-01-15 12:10 +0545", "2025-01-15 12:15 +0545"),
    (30, "America/New_York", "2025-01-15 12:15 -0500", "2025-01-15 12:30 -0500"),
    (30, "Asia/Kathmandu", "2025-01-15 12:15 +0545", "2025-01-15 12:30 +0545"),
    (60, "America/New_York", "2025-01-15 12:30 -0500", "2025-01-15 12:00 -0500"),
    (60, "Asia/Kolkata", "2025-01-15 12:30 +0530", "2025-01-15 12:00 +0530"),
    (60, "America/St_Johns", "2025-07-15 12:30 -0230", "2025-07-15 12:00 -0230"),
    (1440, "America/New_York", "2025-01-15 01:00 -0500", "2025-01-15 00:00 -0500"),
    (1440, "America/New_York", "2025-03-09 01:00 -0500", "2025-03-09 00:00 -0500"),
    (1440, "America/New_York", "2025-11-02 01:00 -0400", "2025-11-02 00:00 -0400"),
    (1440, "Asia/Kolkata", "2025-01-15 00:30 +0530", "2025-01-15 00:00 +0530"),
]


@pytest.mark.parametrize(("length_min", "zone", "off", "on"), OFF_AND_ON_THE_GRID)
@pytest.mark.parametrize("clock_change", ["I", "II"])
def test_a_read_beside_the_grid_is_held_back_and_the_rest_passes_the_checker(
    tmp_path: Path, length_min: int, zone: str, off: str, on: str, clock_change: str
) -> None:
    rules, delivery = profile(clock_change=clock_change), contract(length_min=length_min)
    reads = [Read(local(start), length_min=length_min, zone=zone) for start in (off, on)]

    written = write(tmp_path, reads, rules, delivery)

    assert (written.left_out, written.totals.rows) == ({"off_grid": 1}, 1)
    assert len(rows(written.files[0].path)) == 1
    report = check_interval_file(written.files[0].path, rules, written.zones, Agreed(length_min=length_min))
    assert report.blocking == ()


@pytest.mark.parametrize(("length_min", "count"), [(15, 100), (30, 50), (60, 25)])
@pytest.mark.parametrize("zone", ["America/New_York", "America/St_Johns", "Asia/Kathmandu"])
def test_no_read_on_the_grid_is_held_back_around_the_clock_changes(
    tmp_path: Path, length_min: int, count: int, zone: str
) -> None:
    mornings = [datetime(2025, month, day, tzinfo=ZoneInfo(zone)) for month, day in ((3, 9), (4, 6), (10, 5), (11, 2))]
    reads = [
        Read(m.astimezone(UTC) + timedelta(minutes=length_min * n), length_min=length_min, zone=zone)
        for m in mornings
        for n in range(count)
    ]

    assert write(tmp_path, reads, delivery=contract(length_min=length_min)).left_out == {}


def test_nothing_to_send_writes_no_file(tmp_path: Path) -> None:
    written = write(tmp_path / "out", [replace(Read(NOON), value=None, quality="missing")])

    assert (written.files, written.left_out) == ((), {"missing": 1})
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("facts", "named"),
    [({"unit": "MWh"}, "units"), ({"channel": "lagging"}, "service_quantity_identifier"), ({"quality": "odd"}, "est")],
)
def test_what_the_profile_does_not_know_stops_the_file(tmp_path: Path, facts: dict[str, Any], named: str) -> None:
    with pytest.raises(TerminalError, match=named) as caught:
        write(tmp_path, [replace(Read(NOON), **facts)])

    assert caught.value.code == "delivery.unmapped_value"
    assert list(tmp_path.iterdir()) == []


def test_channels_are_never_mixed_up_when_their_column_is_off(tmp_path: Path) -> None:
    rules = profile(service_quantity_identifier=False)
    reads = [Read(NOON, channel="delivered"), Read(NOON, channel="received")]

    with pytest.raises(TerminalError) as caught:
        write(tmp_path, reads, rules)

    assert caught.value.code == "delivery.channels_collapse"
    written = write(tmp_path, reads[:1], rules)
    assert body(written.files[0].path).decode().splitlines()[0].endswith("UTC_offset\tservice_type")


def test_values_keep_every_digit_and_are_never_rounded(tmp_path: Path) -> None:
    values = ["0.12345678", "1.5", "2", "0.1000", "999999999", "0"]
    reads = [replace(Read(NOON + timedelta(hours=n)), value=value) for n, value in enumerate(values)]

    written = write(tmp_path, reads)

    assert [row[1] for row in rows(written.files[0].path)] == [
        "0.12345678", "1.500", "2.000", "0.100", "999999999.000", "0.000",
    ]  # fmt: skip
    assert written.totals.sums == {"KWH/CONSUMED": Decimal("1000000002.72345678")}


def test_control_characters_in_an_id_become_one_space(tmp_path: Path) -> None:
    written = write(tmp_path, [Read(NOON, service_point_id=" SP\t\r\n7 "), Read(NOON, service_point_id="00É1")])

    assert {row[0] for row in rows(written.files[0].path)} == {"SP 7", "00É1"}


def test_splits_above_the_size_limit_between_service_points_with_later_stamps(tmp_path: Path) -> None:
    one_day = hours("2025-01-15 00:00 -0500", 24)
    chance = Random(7)
    reads = [
        replace(r, service_point_id=f"SP{point:05d}", value=f"{chance.random() * 1000:.8f}")
        for point in range(4000)
        for r in one_day
    ]

    written = write(tmp_path, reads, delivery=contract(max_file_mb=1))

    assert len(written.files) > 1
    assert all(f.size_bytes <= 1_000_000 for f in written.files)
    assert [f.name[-9:-3] for f in written.files] == [f"06000{n}" for n in range(len(written.files))]
    parts = [rows(f.path) for f in written.files]
    assert [len(p) for p in parts] == [f.rows for f in written.files]
    points = [[row[0] for row in part] for part in parts]
    assert [p for part in points for p in part] == [r.service_point_id for r in reads]
    assert all(before[-1] < after[0] for before, after in pairwise(points))


def test_service_points_of_different_zones_are_labelled_each_in_its_own(tmp_path: Path) -> None:
    reads = [Read(NOON, service_point_id="A"), Read(NOON, service_point_id="B", zone="America/Vancouver")]

    written = write(tmp_path, reads)

    assert [(r[3], r[6]) for r in rows(written.files[0].path)] == [("1300", "-0500"), ("1000", "-0800")]
    assert written.zones == ("America/New_York", "America/Vancouver")


def test_a_failed_write_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk")

    monkeypatch.setattr("nightwatt.delivery.opower.packing.Packer.finish", fail)
    with pytest.raises(OSError, match="disk"):
        write(tmp_path, [Read(NOON)])

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("seconds", "form", "shown"),
    [
        (-18000, "+HHMM", "-0500"),
        (0, "+HHMM", "+0000"),
        (20700, "+HH:MM", "+05:45"),
        (-14400, "+H", "-4"),
    ],
)
def test_offsets_are_written_the_partners_way(seconds: int, form: Any, shown: str) -> None:
    assert offset_text(seconds, form) == shown


def test_an_offset_the_format_cannot_write_is_refused() -> None:
    with pytest.raises(TerminalError, match="whole hour"):
        offset_text(20700, "+H")


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Beirut"])
def test_offsets_are_right_however_near_a_clock_change_is(zone: str) -> None:
    tz = ZoneInfo(zone)
    for number in range(365):
        first = datetime(2026, 1, 1, 6, tzinfo=UTC).replace(tzinfo=None) + timedelta(days=number)
        stretches = periods(zone, first, first + timedelta(hours=2))
        for instant in (first + timedelta(hours=n) for n in range(-24, 28)):
            offset = next(p.offset_seconds for p in stretches if p.until is None or instant < p.until)
            assert offset == instant.replace(tzinfo=UTC).astimezone(tz).utcoffset().total_seconds(), instant
