"""Stamps to start instants: each test is a small file and the instants it means."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from nightwatt.contracts.feed import Feed

if TYPE_CHECKING:
    from tests.unit.intake.conftest import Bench

Maker = Callable[[str], Feed]

SIMPLE = """
columns:
  - {{name: sp, field: service_point_id}}
  - {{name: at, field: stamp, type: timestamp}}
  - {{name: kwh, field: value, type: decimal}}
interval:
  length_min: {length}
  marks: {marks}
  clock: {clock}
  channel: {{constant: delivered}}
  unit: {{constant: kWh}}
  quality: {{constant: actual}}
"""
NEW_YORK = "{{kind: zone, zone: America/New_York, repeated_hour: {repeated}, skipped_hour: {skipped}}}"


def simple(length: int = 60, marks: str = "start", clock: str = "{kind: utc}") -> str:
    return SIMPLE.format(length=length, marks=marks, clock=clock)


def new_york(repeated: str = "file_order", skipped: str = "reject") -> str:
    return NEW_YORK.format(repeated=repeated, skipped=skipped)


def file(*stamps: str) -> str:
    return "sp,at,kwh\n" + "".join(f"A,{stamp},{n}\n" for n, stamp in enumerate(stamps, start=1))


STARTS = "value::INTEGER, strftime(interval_start_at, '%m-%d %H:%M'), strftime(read_date, '%m-%d')"


def test_a_utc_start_stamp_is_the_start(bench: Bench, reads: Maker) -> None:
    feed = reads(simple())
    bench.load(feed, file("2026-01-15 05:00:00", "2026-01-15 04:00:00"))
    assert bench.lake(feed, STARTS) == [(1, "01-15 05:00", "01-15"), (2, "01-15 04:00", "01-14")]


def test_an_end_stamp_is_moved_back_by_the_length(bench: Bench, reads: Maker) -> None:
    feed = reads(simple(marks="end", length=30))
    bench.load(feed, file("2026-01-15 05:30:00"))
    assert bench.lake(feed, STARTS) == [(1, "01-15 05:00", "01-15")]


def test_mistake_17_one_interval_is_one_read_whichever_end_its_source_marks(bench: Bench, reads: Maker) -> None:
    """Oracle, CMEP and Opower stamp the end of an interval, ESPI and Itron its start."""
    ends = reads(simple(marks="end"))
    bench.load(ends, file("2026-01-15 06:00:00"))
    starts = reads(simple(marks="start")).model_copy(update={"feed": "starts"})
    bench.load(starts, file("2026-01-15 05:00:00"))
    assert bench.lake(ends, STARTS) == bench.lake(starts, STARTS) == [(1, "01-15 05:00", "01-15")]


def test_market_time_runs_at_one_offset_all_year(bench: Bench, reads: Maker) -> None:
    feed = reads(simple(clock='{kind: fixed, offset: "+10:00"}'))
    bench.load(feed, file("2026-01-15 00:00:00", "2026-07-15 00:00:00"))
    assert bench.lake(feed, STARTS) == [(1, "01-14 14:00", "01-14"), (2, "07-14 14:00", "07-14")]


def test_spring_hours_of_a_zone_skip_an_hour_of_wall_time(bench: Bench, reads: Maker) -> None:
    feed = reads(simple(clock=new_york()))
    bench.load(feed, file("2026-03-08 01:00:00", "2026-03-08 03:00:00"))
    assert bench.lake(feed, STARTS) == [(1, "03-08 06:00", "03-08"), (2, "03-08 07:00", "03-08")]


def test_end_labels_around_spring_are_placed_whichever_clock_labels_the_last_hour(bench: Bench, reads: Maker) -> None:
    feed = reads(simple(marks="end", clock=new_york()))
    bench.load(feed, file("2026-03-08 02:00:00", "2026-03-08 03:00:00", "2026-03-08 04:00:00"))
    starts = [row[:2] for row in bench.lake(feed, STARTS)]
    assert starts == [(1, "03-08 06:00"), (2, "03-08 06:00"), (3, "03-08 07:00")]


def test_a_stamp_in_the_skipped_hour_is_a_reject(bench: Bench, reads: Maker) -> None:
    feed = reads(simple(clock=new_york(skipped="reject")))
    result = bench.load(feed, file("2026-03-08 02:30:00", "2026-03-08 03:30:00"))
    assert [(r.line, r.code) for r in bench.rejects(feed, result)] == [(2, "row.skipped_hour")]


def test_an_empty_row_in_the_skipped_hour_is_passed_over_and_counted(bench: Bench, reads: Maker) -> None:
    feed = reads(simple(clock=new_york(skipped="drop_blank")))
    result = bench.load(feed, "sp,at,kwh\nA,2026-03-08 02:30:00,\nA,2026-03-08 02:45:00,7\nA,2026-03-08 03:00:00,1\n")
    assert (result.rows_in, result.rows_kept, result.rows_ignored) == (3, 1, 1)
    assert [(r.line, r.code) for r in bench.rejects(feed, result)] == [(3, "row.skipped_hour")]


def test_a_stamp_in_the_skipped_hour_can_be_moved_on(bench: Bench, reads: Maker) -> None:
    feed = reads(simple(clock=new_york(skipped="shift")))
    bench.load(feed, file("2026-03-08 02:30:00"))
    assert bench.lake(feed, STARTS) == [(1, "03-08 07:30", "03-08")]


def test_the_repeated_hour_is_told_apart_by_file_order(bench: Bench, reads: Maker) -> None:
    feed = reads(simple(length=30, clock=new_york("file_order")))
    walls = ["00:30", "01:00", "01:30", "01:00", "01:30", "02:00"]
    bench.load(feed, file(*(f"2026-11-01 {w}:00" for w in walls)))
    expected = ["04:30", "05:00", "05:30", "06:00", "06:30", "07:00"]
    assert bench.lake(feed, STARTS) == [(n, f"11-01 {at}", "11-01") for n, at in enumerate(expected, start=1)]


def test_a_third_reading_of_the_repeated_hour_is_a_reject(bench: Bench, reads: Maker) -> None:
    feed = reads(simple(clock=new_york("file_order")))
    result = bench.load(feed, file(*["2026-11-01 01:00:00"] * 3))
    assert [(r.line, r.code) for r in bench.rejects(feed, result)] == [(4, "row.repeated_hour")]


def test_the_repeated_hour_can_be_taken_as_first_or_second_pass(bench: Bench, reads: Maker) -> None:
    first, second = reads(simple(clock=new_york("first"))), reads(simple(clock=new_york("second")) + "\nfeed: later")
    bench.load(first, file("2026-11-01 01:00:00"))
    bench.load(second, file("2026-11-01 01:00:00", "2026-11-01 02:00:00"))
    assert bench.lake(first, STARTS) == [(1, "11-01 05:00", "11-01")]
    assert bench.lake(second, STARTS) == [(1, "11-01 06:00", "11-01"), (2, "11-01 07:00", "11-01")]


def test_the_repeated_hour_can_be_told_by_a_flag(bench: Bench, reads: Maker) -> None:
    clock = (
        '{kind: zone, zone: America/New_York, repeated_hour: flag, repeated_flag_values: ["Y"], skipped_hour: reject}'
    )
    more = simple(clock=clock).replace("interval:", "  - {name: again, field: repeated_flag}\ninterval:")
    feed = reads(more)
    bench.load(
        feed, "sp,at,kwh,again\nA,2026-11-01 01:00:00,1,Y\nA,2026-11-01 01:00:00,2,\nA,2026-11-01 03:00:00,3,Y\n"
    )
    assert bench.lake(feed, STARTS) == [
        (1, "11-01 06:00", "11-01"),
        (2, "11-01 05:00", "11-01"),
        (3, "11-01 08:00", "11-01"),
    ]


def test_an_offset_column_tells_the_repeated_hour_apart(bench: Bench, reads: Maker) -> None:
    more = simple(length=15, marks="end", clock="{kind: offset}")
    feed = reads(more.replace("interval:", "  - {name: offset, field: utc_offset}\ninterval:"))
    rows = "A,2026-11-01 01:15:00,1,-04:00\nA,2026-11-01 01:15:00,2,-05:00\nA,2026-06-01 10:00:00,3,+05:30\n"
    result = bench.load(feed, "sp,at,kwh,offset\n" + rows + "A,2026-06-01 10:00:00,4,EST\n")
    assert bench.lake(feed, STARTS) == [
        (1, "11-01 05:00", "11-01"),
        (2, "11-01 06:00", "11-01"),
        (3, "06-01 04:15", "06-01"),
    ]
    assert [(r.line, r.code, r.column) for r in bench.rejects(feed, result)] == [(5, "row.bad_offset", "offset")]


def test_half_hour_changes_of_other_zones_are_right(bench: Bench, reads: Maker) -> None:
    clock = "{kind: zone, zone: Australia/Lord_Howe, repeated_hour: file_order, skipped_hour: reject}"
    feed = reads(simple(length=30, clock=clock) + "  day_zone: Australia/Lord_Howe\n")
    # 2026-04-05: at 02:00 (+11:00) the clock goes back to 01:30 (+10:30).
    bench.load(feed, file("2026-04-05 01:00:00", "2026-04-05 01:30:00", "2026-04-05 01:30:00", "2026-04-05 02:00:00"))
    assert [row[1] for row in bench.lake(feed, STARTS)] == ["04-04 14:00", "04-04 14:30", "04-04 15:00", "04-04 15:30"]


HOURS = """
columns:
  - {name: sp, field: service_point_id}
  - {name: day, field: stamp_date, type: date}
  - {name: hour, field: stamp_slot, type: integer}
  - {name: kwh, field: value, type: decimal}
interval:
  length_min: 60
  marks: start
  clock: {kind: zone, zone: America/New_York, repeated_hour: file_order, skipped_hour: reject}
  slot_base: 0
  slot_counts: COUNTS
  channel: {constant: delivered}
  unit: {constant: kWh}
  quality: {constant: actual}
"""


def test_hour_numbers_can_be_places_on_the_clock(bench: Bench, reads: Maker) -> None:
    feed = reads(HOURS.replace("COUNTS", "wall"))
    bench.load(feed, "sp,day,hour,kwh\nA,2026-11-01,0,1\nA,2026-11-01,1,2\nA,2026-11-01,1,3\nA,2026-11-01,2,4\n")
    assert [row[1] for row in bench.lake(feed, STARTS)] == ["11-01 04:00", "11-01 05:00", "11-01 06:00", "11-01 07:00"]


def test_hour_numbers_can_count_hours_since_midnight(bench: Bench, reads: Maker) -> None:
    feed = reads(HOURS.replace("COUNTS", "elapsed"))
    result = bench.load(feed, "sp,day,hour,kwh\nA,2026-11-01,24,1\nA,2026-03-08,22,2\nA,2026-03-08,23,3\n")
    assert [row[:2] for row in bench.lake(feed, STARTS)] == [(1, "11-02 04:00"), (2, "03-09 03:00")]
    assert [(r.line, r.code) for r in bench.rejects(feed, result)] == [(4, "row.slot_after_day_end")]


WIDE = """
format: {header: false, delimiter: ";", decimal_sign: ","}
columns:
  - {name: sp, field: service_point_id}
  - {name: day, field: stamp_date, type: date, format: "%d.%m.%Y"}
  - {name: "v{slot}", field: value, type: decimal, slots: 24}
interval:
  length_min: 60
  marks: start
  clock: {kind: zone, zone: America/New_York, repeated_hour: reject, skipped_hour: reject}
  channel: {constant: delivered}
  unit: {constant: kWh}
  quality: {constant: actual}
  blank_value: drop
"""


def test_a_wide_row_is_a_day_of_reads(bench: Bench, reads: Maker) -> None:
    feed = reads(WIDE)
    result = bench.load(feed, "A;08.03.2026;" + ";".join(f"{n},5" for n in range(1, 24)) + ";\n")
    assert (result.rows_in, result.rows_kept, result.records_out) == (1, 1, 23)
    rows = bench.lake(feed, "interval_start_at::VARCHAR, value::VARCHAR")
    assert rows[0] == ("2026-03-08 05:00:00", "1.50000000")
    assert rows[-1] == ("2026-03-09 03:00:00", "23.50000000")


def test_one_bad_value_sets_the_whole_wide_row_aside(bench: Bench, reads: Maker) -> None:
    feed = reads(WIDE)
    good = "A;09.03.2026;" + ";".join("1" for _ in range(24))
    bad = "B;09.03.2026;" + ";".join("1" for _ in range(23)) + ";x"
    result = bench.load(feed, f"{good}\n{bad}\n")
    assert (result.rows_in, result.rows_kept, result.rows_rejected, result.records_out) == (2, 1, 1, 24)
    assert [(r.line, r.code, r.raw) for r in bench.rejects(feed, result)] == [(2, "row.bad_number", bad)]
    assert {row[0] for row in bench.lake(feed, "service_point_id")} == {"A"}


def test_a_stray_quote_cannot_swallow_rows_of_a_wide_file(bench: Bench, reads: Maker) -> None:
    feed = reads(WIDE.replace("format: {header: false,", "format: {quote: '\"', header: false,"))
    day = "08.03.2026;" + ";".join("1" for _ in range(23))
    lines = [f"S{n};{day};" for n in range(100)]
    lines[40] = f'S4"0;{day};"1'
    lines[60] = f'S60;{day};"1"'
    result = bench.load(feed, "\n".join(lines) + "\n")
    assert [(r.line, r.code) for r in bench.rejects(feed, result)] == [
        (41, "row.bad_quote"),
        (61, "row.slot_after_day_end"),
    ]
    assert (result.rows_in, result.rows_kept, result.records_out) == (100, 98, 98 * 23)


@pytest.mark.parametrize("clock", ["{kind: utc}", new_york(), '{kind: fixed, offset: "-05:00"}'])
@pytest.mark.parametrize("slot", ["0", "-3", "1.5", "26", "x", ""])
def test_a_slot_outside_its_day_is_a_reject(bench: Bench, reads: Maker, clock: str, slot: str) -> None:
    more = HOURS.replace("COUNTS", "elapsed").replace("slot_base: 0", "slot_base: 1")
    feed = reads(more.replace(new_york(), clock).replace("marks: start", "marks: end"))
    result = bench.load(feed, f"sp,day,hour,kwh\nA,2026-03-07,{slot},1\nA,2026-03-07,1,2\n")
    code = "row.slot_after_day_end" if slot == "26" and "zone" in clock else "row.bad_slot"
    assert [(r.line, r.code) for r in bench.rejects(feed, result)] == [(2, code)]
    midnight = "03-07 00:00" if "utc" in clock else "03-07 05:00"
    assert [row[1] for row in bench.lake(feed, STARTS)] == [midnight]
