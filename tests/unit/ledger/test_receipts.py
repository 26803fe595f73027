"""Questions about receipts: what is due, what supersedes what, and what a night is measured by."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from nightwatt.errors import TerminalError
from nightwatt.ledger import Ledger, receipts
from nightwatt.ledger.models import Load, LoadState, Receipt, ReceiptState
from nightwatt.ledger.night_facts import NightFacts, night_facts

NOW = datetime(2026, 3, 9, 8, 30, tzinfo=UTC)
NIGHT = date(2026, 3, 9)


def add(ledger: Ledger, content: str, **changes: Any) -> int:
    """Enter a receipt whose hash is made of the content given."""
    facts = {
        "feed": "reads",
        "business_date": NIGHT,
        "file_name": "reads_1.csv",
        "content_sha256": (content * 64)[:64],
        "size_bytes": 1,
        "unpacked_bytes": 1,
        "line_count": 2,
        "needs_cleaning": False,
        "sent_at": NOW,
        "arrived_at": NOW,
        "state": ReceiptState.LANDED,
    }
    with ledger.write() as session:
        return receipts.add(session, Receipt(**facts | changes)).id


def test_a_receipt_is_unique_by_feed_night_and_content(ledger: Ledger) -> None:
    first = add(ledger, "a")
    add(ledger, "a", feed="gas")
    add(ledger, "a", business_date=NIGHT + timedelta(days=1))
    with pytest.raises(IntegrityError):
        add(ledger, "a", file_name="other.csv")
    with ledger.read() as session:
        found = receipts.find(session, "reads", NIGHT, "a" * 64)
        assert found is not None
        assert found.id == first
        assert receipts.find(session, "reads", NIGHT, "b" * 64) is None


def test_the_newest_of_a_name_supersedes_the_one_before(ledger: Ledger) -> None:
    first, second, third = (add(ledger, c) for c in "abc")
    other = add(ledger, "d", file_name="reads_2.csv")
    next_night = add(ledger, "e", business_date=NIGHT + timedelta(days=1))
    with ledger.read() as session:
        chain = {r.id: (r.supersedes_id, r.superseded_by_id) for r in receipts.find_all(session)}
        assert chain == {
            first: (None, second),
            second: (first, third),
            third: (second, None),
            other: (None, None),
            next_night: (None, None),
        }
        assert [r.id for r in receipts.by_feed_and_date(session, "reads", NIGHT)] == [third, other]
        current = receipts.current_named(session, "reads", NIGHT, "reads_1.csv")
        assert current is not None
        assert current.id == third


def test_landed_receipts_are_due_in_order_and_held_ones_on_request(ledger: Ledger) -> None:
    superseded, current = add(ledger, "a"), add(ledger, "b")
    add(ledger, "c", file_name="l.csv", state=ReceiptState.LOADED)
    held = add(ledger, "d", file_name="h.csv", state=ReceiptState.HELD)
    unreadable = add(ledger, "e", file_name="u.csv", state=ReceiptState.HELD, needs_cleaning=None)
    replaced = add(ledger, "f", file_name="r.csv", state=ReceiptState.HELD)
    replacing = add(ledger, "g", file_name="r.csv")
    add(ledger, "h", feed="gas")
    with ledger.read() as session:
        assert [r.id for r in receipts.due(session, "reads")] == [superseded, current, replacing]
        with_held = [r.id for r in receipts.due(session, "reads", include_held=True)]
    assert with_held == [superseded, current, held, replacing]
    assert unreadable not in with_held
    assert replaced not in with_held


def test_a_receipt_can_be_held_and_given_back(ledger: Ledger) -> None:
    number = add(ledger, "a")
    with ledger.write() as session:
        receipts.mark_held(session, number, "[x.y] no")
    with ledger.read() as session:
        row = receipts.get(session, number)
        assert (row.state, row.message) == ("held", "[x.y] no")
    with ledger.write() as session:
        receipts.mark_landed(session, number)
    with ledger.read() as session:
        row = receipts.get(session, number)
        assert (row.state, row.message) == ("landed", None)


def test_receipts_are_found_by_many_names_at_once(ledger: Ledger) -> None:
    add(ledger, "a", file_name="n0005.csv")
    add(ledger, "b", file_name="n1200.csv", business_date=NIGHT + timedelta(days=1))
    add(ledger, "c", file_name="n0001.csv", feed="gas")
    with ledger.read() as session:
        found = receipts.by_names(session, "reads", {f"n{n:04}.csv" for n in range(1500)})
    assert [r.file_name for r in found] == ["n0005.csv", "n1200.csv"]


def test_an_unknown_receipt_is_an_error_with_a_remedy(ledger: Ledger) -> None:
    with ledger.read() as session, pytest.raises(TerminalError, match="no receipt 7 -> see `nightwatt receipts list`"):
        receipts.get(session, 7)


def loaded(ledger: Ledger, content: str, days_ago: int, rows: int, **changes: Any) -> int:
    return add(
        ledger,
        content,
        business_date=NIGHT - timedelta(days=days_ago),
        state=ReceiptState.LOADED,
        rows_in=rows,
        rows_kept=rows - 1,
        **changes,
    )


def test_a_night_is_measured_by_the_median_of_the_complete_nights_before(ledger: Ledger) -> None:
    loaded(ledger, "a", 0, 100, file_name="p1.csv")
    loaded(ledger, "b", 0, 50, file_name="p2.csv")
    add(ledger, "c", file_name="p3.csv", state=ReceiptState.HELD)
    loaded(ledger, "d", 1, 70, file_name="p1.csv")
    loaded(ledger, "e", 1, 30, file_name="p2.csv")  # 100 in all
    loaded(ledger, "f", 2, 7, is_complete=False)  # a bad night is no measure
    loaded(ledger, "0", 3, 300)
    loaded(ledger, "1", 4, 9999)  # one night too far
    loaded(ledger, "2", -1, 5)
    with ledger.read() as session:
        facts = night_facts(session, "reads", NIGHT, 2)
    assert facts == NightFacts(
        feed="reads",
        business_date=NIGHT,
        files=3,
        files_loaded=2,
        files_held=1,
        rows_in=150,
        rows_kept=148,
        median_rows=200.0,
        nights=2,
    )


def test_a_night_is_held_against_its_own_weekday_where_there_are_three(ledger: Ledger) -> None:
    for days_ago in range(1, 22):
        loaded(ledger, f"n{days_ago}", days_ago, 1000 if days_ago % 7 else 10 * days_ago)  # 70, 140, 210 on Mondays
    with ledger.read() as session:
        of_three, of_two = (night_facts(session, "reads", NIGHT, nights) for nights in (21, 20))
    assert (of_three.median_rows, of_three.nights, of_three.of) == (140.0, 3, "Mondays")
    assert (of_two.median_rows, of_two.nights, of_two.of) == (1000.0, 20, "nights")


def summed(ledger: Ledger, receipt_id: int, sequence: int, **totals: tuple[str, int | None]) -> None:
    """A finished load whose channels add up to a quantity, of so many service points."""
    with ledger.write() as session:
        session.add(
            Load(
                sequence=sequence, receipt_id=receipt_id, kind="intake", state=LoadState.DONE, lake_path="x",
                started_at=NOW, totals={
                    name: {"quantity": quantity} | ({} if points is None else {"service_points": points})
                    for name, (quantity, points) in totals.items()
                },
            )
        )  # fmt: skip


def test_a_night_is_measured_by_its_service_points_and_sums_too(ledger: Ledger) -> None:
    first = loaded(ledger, "a", 0, 100, file_name="p1.csv")
    second = loaded(ledger, "b", 0, 100, file_name="p2.csv")
    summed(ledger, first, 1, delivered=("10.5", 40), received=("1", 3))
    summed(ledger, first, 2, delivered=("0.25", 1))  # a replay of a reject
    summed(ledger, second, 3, delivered=("5", 20))
    for days_ago, quantity, points in ((1, "10", 50), (2, "12", 60), (3, "20", 70)):
        summed(ledger, loaded(ledger, f"n{days_ago}", days_ago, 100), 10 + days_ago, delivered=(quantity, points))
    with ledger.read() as session:
        facts = night_facts(session, "reads", NIGHT, 28)
    assert (facts.meters, facts.median_meters) == (60, 60.0)
    assert facts.totals == {"delivered": Decimal("15.75"), "received": Decimal(1)}
    assert facts.median_totals == {"delivered": Decimal(12)}


def test_files_loaded_before_service_points_were_counted_say_nothing_about_them(ledger: Ledger) -> None:
    summed(ledger, loaded(ledger, "a", 0, 100), 1, delivered=("10", None))
    summed(ledger, loaded(ledger, "b", 1, 100), 2, delivered=("10", 50))
    with ledger.read() as session:
        facts = night_facts(session, "reads", NIGHT, 28)
    assert (facts.meters, facts.median_meters) == (None, 50.0)


def test_a_first_night_has_no_median(ledger: Ledger) -> None:
    with ledger.read() as session:
        facts = night_facts(session, "reads", NIGHT, 28)
    assert (facts.files, facts.rows_in, facts.median_rows, facts.nights) == (0, 0, None, 0)


def test_a_superseded_file_does_not_count_twice(ledger: Ledger) -> None:
    loaded(ledger, "a", 0, 100)
    loaded(ledger, "b", 0, 90)
    with ledger.read() as session:
        assert night_facts(session, "reads", NIGHT, 28).rows_in == 90


def test_the_verdict_on_completeness_is_noted_on_the_loaded_files(ledger: Ledger) -> None:
    first = loaded(ledger, "a", 0, 100)
    add(ledger, "b", file_name="h.csv", state=ReceiptState.HELD)
    with ledger.write() as session:
        receipts.set_complete(session, "reads", NIGHT, True)
    with ledger.read() as session:
        assert {r.id: r.is_complete for r in receipts.find_all(session)} == {first: True, first + 1: None}
