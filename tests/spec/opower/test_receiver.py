"""The model of the partner against the partner's rules: what is on record after files, and what is not taken.

The model is the judge of the whole year of deliveries, so its own word is tried by hand-made examples first.
"""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from tests.support.opower_files import account_row, name_of, text_of
from tests.support.opower_receiver import FileRefused, Period, Receiver

FEBRUARY, MARCH = "SP-E1\t640\t20250301\t28\tE\t96.00", "SP-E1\t661\t20250401\t31\tA\t99.15"
JANUARY = "SP-E1\t812.4\t20250201\t31\tA\t121.86"


def send(receiver: Receiver, kind: str, *rows: str, stamp: str = "20250302053000") -> None:
    receiver.take(name_of(kind, stamp), gzip.compress(text_of(kind, rows).encode()))


def knowing(*usage: str) -> Receiver:
    """Return a receiver that knows a service point and some periods."""
    receiver = Receiver()
    send(receiver, "customer", account_row("SP-E1", "C001", "A-E1"))
    send(receiver, "usage", *usage)
    return receiver


def record(receiver: Receiver) -> list[tuple[date, date, str]]:
    periods = receiver.periods["SP-E1"]
    return sorted((p.start, p.end, f"{a.value}{' E' if a.is_estimated else ''}") for p, a in periods.items())


def test_the_very_same_period_replaces_whatever_the_file() -> None:
    receiver = knowing(JANUARY, FEBRUARY, "SP-E1\t655.5\t20250301\t28\tA\t98.33")
    send(receiver, "usage", "SP-E1\t800\t20250201\t31\tA\t120.00", stamp="20250303053000")

    assert record(receiver) == [
        (date(2025, 1, 1), date(2025, 2, 1), "800"),
        (date(2025, 2, 1), date(2025, 3, 1), "655.5"),
    ]
    assert receiver.replaced == 2


def test_a_longer_period_from_an_old_start_past_the_newest_end_replaces_what_is_inside() -> None:
    receiver = knowing(JANUARY, FEBRUARY)
    send(receiver, "usage", "SP-E1\t1301\t20250401\t59\tA\t195.15", stamp="20250402053000")

    assert record(receiver) == [
        (date(2025, 1, 1), date(2025, 2, 1), "812.4"),
        (date(2025, 2, 1), date(2025, 4, 1), "1301"),
    ]


@pytest.mark.parametrize(
    "row",
    [
        "SP-E1\t700\t20250401\t45\tA\t105.00",  # begins in the middle of February
        "SP-E1\t300\t20250215\t14\tA\t45.00",  # would split February
        "SP-E1\t1452.4\t20250301\t59\tA\t217.86",  # ends with the newest read without being it
    ],
)
def test_every_other_overlap_is_not_taken(row: str) -> None:
    receiver = knowing(JANUARY, FEBRUARY)
    before = record(receiver)
    send(receiver, "usage", row, stamp="20250402053000")

    assert record(receiver) == before
    assert [r.why for r in receiver.rejected] == ["overlaps what is on record"]


def test_the_last_row_of_an_account_and_a_service_point_counts() -> None:
    receiver = Receiver()
    send(
        receiver,
        "customer",
        account_row("SP-E1", "C001", "A-E1", ended="20250616"),
        account_row("SP-E1", "C777", "A-E9", active="20250616"),
    )

    assert receiver.occupant == {"SP-E1": "A-E9"}
    assert receiver.accounts["A-E1", "SP-E1"]["inactive_date"] == "20250616"


def test_an_active_date_never_changes() -> None:
    receiver = knowing()
    send(receiver, "customer", account_row("SP-E1", "C001", "A-E1", active="20230402"), stamp="20250303053000")

    assert [r.why for r in receiver.rejected] == ["active_date changed"]
    assert receiver.accounts["A-E1", "SP-E1"]["active_date"] == "20230401"


def test_usage_before_its_service_point_is_not_taken() -> None:
    receiver = Receiver()
    send(receiver, "usage", JANUARY)

    assert [r.line for r in receiver.rejected] == [2]


def test_files_count_in_order_of_arrival_whatever_their_stamps() -> None:
    receiver = knowing()
    send(receiver, "usage", "SP-E1\t2\t20250201\t31\tA\t", stamp="20250520000000")
    send(receiver, "usage", "SP-E1\t1\t20250201\t31\tA\t", stamp="20250519000000")

    assert record(receiver) == [(date(2025, 1, 1), date(2025, 2, 1), "1")]


def test_an_hour_that_comes_twice_is_two_reads_and_the_same_instant_is_one() -> None:
    receiver = Receiver()
    row = "SP1\t{}\t20251102\t{}\tKWH\t{}\t{}\tELECTRIC\tCONSUMED"
    send(
        receiver,
        "interval60",
        row.format("0.1", "0100", "A", "-0400"),
        row.format("0.2", "0100", "A", "-0500"),
        row.format("0.3", "0200", "A", "-0500"),
        row.format("0.4", "0200", "", "-0400"),  # another label of the second 01:00
    )

    assert {k.end_at: (a.value, a.is_estimated) for k, a in receiver.reads.items()} == {
        datetime(2025, 11, 2, 5, tzinfo=UTC): (Decimal("0.1"), False),
        datetime(2025, 11, 2, 6, tzinfo=UTC): (Decimal("0.4"), True),
        datetime(2025, 11, 2, 7, tzinfo=UTC): (Decimal("0.3"), False),
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("opwr_gec_res_v1.19.0_usage_20250302053000.gz", text_of("usage", [])),
        (name_of("usage"), text_of("usage", ["SP-E1\t50\t20250401\t31\tA"])),
        (name_of("usage"), text_of("usage", [JANUARY]).rstrip("\n")),
    ],
)
def test_a_file_that_is_not_whole_or_wrongly_named_is_refused(name: str, text: str) -> None:
    with pytest.raises(FileRefused):
        Receiver().take(name, gzip.compress(text.encode()))


def test_the_same_name_is_not_taken_twice() -> None:
    receiver = knowing()

    with pytest.raises(FileRefused, match="came before"):
        send(receiver, "usage", MARCH)


def test_a_period_ends_on_the_boundary_day() -> None:
    assert Period(date(2025, 1, 1), date(2025, 2, 1)).days == 31
