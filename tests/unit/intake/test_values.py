"""Values, units, channels, quality and blanks: each test is a small file and the reads it gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from nightwatt.contracts.feed import Feed

if TYPE_CHECKING:
    from tests.unit.intake.conftest import Bench

Maker = Callable[[str], Feed]

ONE = """
columns:
  - {name: sp, field: service_point_id, strip: "'"}
  - {name: at, field: stamp, type: timestamp}
  - {name: kwh, field: value, type: decimal}
  - {name: flag, field: quality_code}
interval:
  length_min: 60
  marks: start
  clock: {kind: utc}
  channel: {constant: delivered}
  unit: {constant: kWh}
  quality: {map: {A: actual, E: estimated, S: substituted, N: missing}, blank: actual}
"""


def one(bench: Bench, feed: Feed, value: str, flag: str = "A") -> tuple[object, ...]:
    """Load one read and return its value and quality, or its reject code."""
    result = bench.load(feed, f"sp,at,kwh,flag\nA,2026-01-15 05:00:00,{value},{flag}\n")
    rejects = bench.rejects(feed, result)
    return (rejects[0].code,) if rejects else bench.lake(feed, "value::VARCHAR, quality")[0]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("1", "1.00000000"),
        (" .145 ", "0.14500000"),
        ("+2.5", "2.50000000"),
        ("-0.001", "-0.00100000"),
        ("0.12345678", "0.12345678"),
        ("9999999999.99999999", "9999999999.99999999"),
    ],
)
def test_numbers_are_kept_to_the_last_digit(bench: Bench, reads: Maker, text: str, kept: str) -> None:
    assert one(bench, reads(ONE), text) == (kept, "actual")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("0.123456789", "row.too_precise"),
        ("1.1234567800", "row.too_precise"),
        ("10000000000", "row.bad_number"),
        ("1e3", "row.bad_number"),
        ("1_000", "row.bad_number"),
        ("nan", "row.bad_number"),
        ("inf", "row.bad_number"),
        ("12O", "row.bad_number"),
    ],
)
def test_what_cannot_be_kept_exactly_is_a_reject(bench: Bench, reads: Maker, text: str, code: str) -> None:
    assert one(bench, reads(ONE), text) == (code,)


@pytest.mark.parametrize(
    ("value", "flag", "kept"),
    [
        ("1", "E", ("1.00000000", "estimated")),
        ("1", "S", ("1.00000000", "substituted")),
        ("1", "", ("1.00000000", "actual")),
        ("", "A", (None, "missing")),
        ("0", "N", (None, "missing")),
        ("1", "Q", ("row.unknown_code",)),
    ],
)
def test_quality_codes_become_canonical_classes(
    bench: Bench, reads: Maker, value: str, flag: str, kept: tuple[object, ...]
) -> None:
    assert one(bench, reads(ONE), value, flag) == kept


def test_mistake_25_a_zero_of_a_missing_read_is_no_usage(bench: Bench, reads: Maker) -> None:
    """Meter systems write 0.0 beside the code that says nothing was read; a zero that was read is one."""
    assert one(bench, reads(ONE), "0.0", "N") == (None, "missing")
    read = reads(ONE).model_copy(update={"feed": "read"})
    assert one(bench, read, "0.0", "A") == ("0.00000000", "actual")


def test_a_blank_value_can_be_a_reject_or_no_row(bench: Bench, reads: Maker) -> None:
    rejecting = reads(ONE + "  blank_value: reject\n")
    assert one(bench, rejecting, "", "A") == ("row.required_blank",)
    dropping = reads(ONE + "  blank_value: drop\n").model_copy(update={"feed": "dropping"})
    result = bench.load(dropping, "sp,at,kwh,flag\nA,2026-01-15 05:00:00,,A\n")
    assert (result.rows_in, result.rows_kept, result.rows_ignored, result.rows_rejected) == (1, 0, 1, 0)


def test_decimal_comma_and_thousands_point(bench: Bench, reads: Maker) -> None:
    feed = reads(ONE + '\nformat: {delimiter: ";", decimal_sign: ",", thousands_sign: "."}\n')
    bench.load(feed, "sp;at;kwh;flag\nA;2026-01-15 05:00:00;1.234,5;A\n")
    assert bench.lake(feed, "value::VARCHAR") == [("1234.50000000",)]


def test_a_factor_converts_units_exactly_or_not_at_all(bench: Bench, reads: Maker) -> None:
    feed = reads(ONE + '  factor: "0.001"\n')
    assert one(bench, feed, "1234.5") == ("1.23450000", "actual")
    other = feed.model_copy(update={"feed": "fine"})
    assert one(bench, other, "0.123456") == ("row.too_precise",)


def test_several_value_columns_are_channels(bench: Bench, reads: Maker) -> None:
    more = ONE.replace(
        "  - {name: kwh, field: value, type: decimal}\n",
        "  - {name: kwh, field: value, type: decimal, channel: delivered}\n"
        "  - {name: out, field: value, type: decimal, channel: received}\n",
    ).replace("  channel: {constant: delivered}\n", "")
    feed = reads(more)
    result = bench.load(feed, "sp,at,kwh,out,flag\nA,2026-01-15 05:00:00,1.5,0.25,A\n")
    assert (result.rows_in, result.rows_kept, result.records_out) == (1, 1, 2)
    assert bench.lake(feed, "channel, value::VARCHAR") == [("delivered", "1.50000000"), ("received", "0.25000000")]


def test_channel_and_unit_codes_are_mapped(bench: Bench, reads: Maker) -> None:
    feed = reads(
        """
columns:
  - {name: sp, field: service_point_id}
  - {name: at, field: stamp, type: timestamp}
  - {name: v, field: value, type: decimal}
  - {name: dir, field: channel_code}
  - {name: uom, field: unit_code}
  - {name: min, field: length_min, type: integer}
  - {name: dev, field: meter_id}
  - {name: upd, field: last_updated_at, type: timestamp, zone: America/New_York}
constants: {quality_code: A}
commodity: gas
interval:
  marks: end
  clock: {kind: utc}
  channel: {map: {D: delivered, R: received}}
  unit: {map: {CCF: ccf, TH: therm}}
  quality: {map: {A: actual}}
"""
    )
    rows = "A,2026-01-15 05:00:00,1,D,CCF,60,M1,2026-01-15 01:00:00\nA,2026-01-15 05:00:00,2,R,TH,30,M1,\n"
    result = bench.load(feed, "sp,at,v,dir,uom,min,dev,upd\n" + rows + "A,2026-01-15 05:00:00,3,D,M3,60,M1,\n")
    assert bench.lake(feed, "channel, unit, interval_min, commodity, meter_id, last_updated_at::VARCHAR") == [
        ("delivered", "ccf", 60, "gas", "M1", "2026-01-15 06:00:00"),
        ("received", "therm", 30, "gas", "M1", None),
    ]
    assert [(r.line, r.code, r.column) for r in bench.rejects(feed, result)] == [(4, "row.unknown_code", "uom")]


def test_ids_keep_their_zeros_and_lose_their_wrapping(bench: Bench, reads: Maker) -> None:
    feed = reads(ONE)
    bench.load(feed, "sp,at,kwh,flag\n'00123 ,2026-01-15 05:00:00,1,A\n")
    assert bench.lake(feed, "service_point_id") == [("00123",)]


@pytest.mark.parametrize("stamp", ["2026-01-15", "2026-02-30 05:00:00", "2026-01-15 05:00:00+05", "15.01.2026 05:00"])
def test_a_stamp_in_another_form_is_a_reject_not_a_guess(bench: Bench, reads: Maker, stamp: str) -> None:
    feed = reads(ONE)
    result = bench.load(feed, f"sp,at,kwh,flag\nA,{stamp},1,A\n")
    assert [(r.line, r.code, r.column) for r in bench.rejects(feed, result)] == [(2, "row.bad_timestamp", "at")]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("1.234,5", "1234.50000000"),
        ("12.345.678,1", "12345678.10000000"),
        ("1234,5", "1234.50000000"),
        ("1.5", None),
        ("1.23.4", None),
        ("1,2,3", None),
    ],
)
def test_signs_must_stand_where_numbers_have_them(bench: Bench, reads: Maker, text: str, kept: str | None) -> None:
    feed = reads(ONE + '\nformat: {delimiter: ";", decimal_sign: ",", thousands_sign: "."}\n')
    result = bench.load(feed, f"sp;at;kwh;flag\nA;2026-01-15 05:00:00;{text};A\n")
    assert [r.code for r in bench.rejects(feed, result)] == ([] if kept else ["row.bad_number"])
    assert bench.lake(feed, "value::VARCHAR") == ([(kept,)] if kept else [])


def test_a_point_is_no_thousands_sign_unless_the_contract_says_so(bench: Bench, reads: Maker) -> None:
    feed = reads(ONE + '\nformat: {delimiter: ";", decimal_sign: ","}\n')
    result = bench.load(feed, "sp;at;kwh;flag\nA;2026-01-15 05:00:00;1.234;A\n")
    assert [r.code for r in bench.rejects(feed, result)] == ["row.bad_number"]


@pytest.mark.parametrize(
    ("factor", "value", "kept"),
    [
        ("1000", "1.5", "1500.00000000"),
        ("0.001", "250000000", "250000.00000000"),
        ("1000", "9999999999", None),
    ],
)
def test_factors_of_any_size_are_exact(bench: Bench, reads: Maker, factor: str, value: str, kept: str | None) -> None:
    assert one(bench, reads(ONE + f'  factor: "{factor}"\n'), value) == (
        (kept, "actual") if kept else ("row.bad_number",)
    )


@pytest.mark.parametrize("stamp", ["2026-01-15T05:00:00Z", "2026-01-15 05:00+05"])
def test_a_stamp_with_an_offset_is_no_wall_time(bench: Bench, reads: Maker, stamp: str) -> None:
    clock = "{kind: zone, zone: America/New_York, repeated_hour: first, skipped_hour: reject}"
    feed = reads(ONE.replace("{kind: utc}", clock))
    result = bench.load(feed, f"sp,at,kwh,flag\nA,{stamp},1,A\n")
    assert [r.code for r in bench.rejects(feed, result)] == ["row.bad_timestamp"]
