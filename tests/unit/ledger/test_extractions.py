"""Extractions: where the next pull begins is told by those that succeeded, and by nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from nightwatt.ledger import Ledger, extractions
from nightwatt.ledger.models import Extraction, RunState

NIGHT = date(2026, 3, 9)
AT = datetime(2026, 3, 9, 8, 30, tzinfo=UTC)
TWO, THREE, FOUR = (f"2026-03-09 0{hour}:00:00" for hour in (2, 3, 4))


def pulled(ledger: Ledger, mark: str | None, file_name: str | None = "f", day: date = NIGHT) -> int:
    """Enter a pull that succeeded."""
    number = begun(ledger, mark, file_name, day)
    with ledger.write() as session:
        extractions.succeed(session, number, AT)
    return number


def begun(ledger: Ledger, mark: str | None, file_name: str | None = "f", day: date = NIGHT) -> int:
    """Enter a pull that got as far as saying what it will put in place."""
    with ledger.write() as session:
        row = extractions.begin(session, "acct", day, None, AT)
        extractions.note_file(session, row.id, file_name, 3, mark)
    return row.id


def mark(ledger: Ledger) -> str | None:
    with ledger.read() as session:
        return extractions.last_mark(session, "acct")


def test_a_mark_counts_once_its_pull_has_succeeded(ledger: Ledger) -> None:
    assert mark(ledger) is None
    pulled(ledger, TWO)
    open_one = begun(ledger, THREE)
    assert mark(ledger) == TWO
    with ledger.write() as session:
        extractions.fail(session, open_one, AT, "gone")
    assert mark(ledger) == TWO
    pulled(ledger, FOUR)
    pulled(ledger, None)  # a pull of nothing says nothing about how far it came
    assert mark(ledger) == FOUR


def test_another_feeds_pulls_do_not_count(ledger: Ledger) -> None:
    pulled(ledger, TWO)
    with ledger.read() as session:
        assert extractions.last_mark(session, "pay") is None
        assert extractions.latest(session, "pay") is None
        assert extractions.open_ones(session, "pay") == []


def test_pulls_that_never_ended_are_found_in_their_order(ledger: Ledger) -> None:
    first, _, third = begun(ledger, None), pulled(ledger, TWO), begun(ledger, None, day=date(2026, 3, 10))
    with ledger.read() as session:
        assert [row.id for row in extractions.open_ones(session, "acct")] == [first, third]


@pytest.mark.parametrize(("file_name", "has"), [("f", True), (None, False)])
def test_a_night_has_a_file_once_a_pull_has_put_one_in_place(ledger: Ledger, file_name: str | None, has: bool) -> None:
    begun(ledger, TWO)
    pulled(ledger, TWO, file_name)
    pulled(ledger, TWO, "other", date(2026, 3, 10))
    with ledger.read() as session:
        assert extractions.has_file(session, "acct", NIGHT) is has
        newest = extractions.latest(session, "acct", NIGHT)
    assert newest is not None
    assert (newest.state, newest.file_name) == (RunState.SUCCEEDED, file_name)


def test_a_reason_is_kept_and_cut_to_what_a_book_needs(ledger: Ledger) -> None:
    number = begun(ledger, None)
    with ledger.write() as session:
        extractions.fail(session, number, AT, "x" * 5000)
    with ledger.read() as session:
        row = session.get_one(Extraction, number)
    assert (row.state, row.ended_at, len(row.message or "")) == (RunState.FAILED, AT, 2000)
