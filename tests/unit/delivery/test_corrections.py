"""Which corrections are said, held or taken back: by hand, and against the model of the partner, at random."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st
from tests.support.opower_files import account_row, name_of, text_of, usage_row
from tests.support.opower_receiver import Receiver

from nightwatt.delivery.opower.corrections import Period, settle

DAY = date(2025, 1, 1)


def days(start: int, boundary: int) -> Period:
    """Return the days from one to another, counted from New Year."""
    return Period(DAY + timedelta(boundary), DAY + timedelta(start))


def test_the_first_periods_of_a_service_point_are_said_as_they_follow_one_another() -> None:
    assert settle([], [days(31, 59), days(0, 31)], []).said == (days(0, 31), days(31, 59))


def test_a_longer_period_from_an_old_boundary_past_the_newest_end_replaces_what_is_inside() -> None:
    found = settle([days(0, 31), days(31, 59)], [days(31, 90)], [days(31, 59)])

    assert (found.said, found.taken_back, found.held) == ((days(31, 90),), (), ())


def test_a_period_that_fills_a_hole_is_said() -> None:
    assert settle([days(0, 31), days(59, 90)], [days(31, 59)], []).said == (days(31, 59),)


def test_what_begins_inside_or_ends_before_the_newest_read_is_held() -> None:
    record = [days(0, 31), days(31, 59)]
    for period in (days(45, 90), days(31, 45), days(0, 59), days(0, 45)):
        assert settle(record, [period], []).held == (period,), period


def test_a_bill_taken_back_is_said_as_nothing_where_no_other_bills_its_days() -> None:
    assert settle([days(0, 31), days(31, 59)], [], [days(31, 59)]).taken_back == (days(31, 59),)


def test_a_bill_taken_back_stays_where_what_came_instead_cannot_be_said() -> None:
    found = settle([days(0, 31), days(31, 59)], [days(31, 57)], [days(31, 59)])

    assert (found.said, found.taken_back, found.held) == ((), (), (days(31, 57), days(31, 59)))


def test_a_bill_taken_back_that_was_never_said_needs_no_word() -> None:
    assert settle([days(0, 31)], [], [days(31, 59)]) == settle([days(0, 31)], [], [])


PERIODS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(1, 6)).map(lambda p: days(p[0] * 15, (p[0] + p[1]) * 15)), max_size=8
)


@given(record=PERIODS, standing=PERIODS, gone=PERIODS)
def test_the_partner_takes_whatever_is_said_and_nothing_stays_wrong_in_silence(
    record: list[Period], standing: list[Period], gone: list[Period]
) -> None:
    """Whatever is on record, and whatever the billing system now says."""
    partner = Receiver()
    send(partner, "customer", [account_row("SP")])
    send(partner, "usage", rows_of(settle([], record, []).said))
    before = set(partner.periods["SP"])

    found = settle([Period(p.end, p.start) for p in before], standing, gone)
    send(partner, "usage", rows_of(sorted([*found.said, *found.taken_back])))

    after = {Period(p.end, p.start) for p in partner.periods["SP"]}
    said = set(found.said)
    assert partner.rejected == []
    assert said | set(found.held) >= set(standing)
    assert {p for p in said if not any(q != p and q.overlaps(p) for q in said)} <= after
    assert (after & set(gone)) - set(standing) <= {*found.taken_back, *found.held}


def send(partner: Receiver, kind: str, rows: list[str]) -> None:
    """Have the partner take a file."""
    stamp = f"202603010600{len(partner.names):02}"
    partner.take(name_of(kind, stamp), gzip.compress(text_of(kind, rows).encode()))


def rows_of(periods: Iterable[Period]) -> list[str]:
    """Return usage rows of one service point."""
    return [usage_row("SP", period.start, period.boundary) for period in periods]
