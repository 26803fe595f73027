"""Questions to what was sent: every row of a service point, an account, a day; and how two sendings differ.

Each test reads: what was sent on which night, what is asked, which lines are found.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.delivery import contract
from tests.support.opower_files import account_row, interval_row, month, name_of, usage_row
from tests.support.sent import Archive

from nightwatt import duck
from nightwatt.delivery.sent_index import ensure
from nightwatt.delivery.sent_search import Difference, Wanted, compare, find
from nightwatt.errors import TerminalError

INTERVAL = contract(delivery="opower")
BILLING: Any = SimpleNamespace(delivery="billing", kind="opower_billing", profile="opower/legacy_billing_v1-19-0")


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    opened = Archive(tmp_path / "home")
    yield opened
    opened.close()


def found(archive: Archive, **wanted: Any) -> list[tuple[int, int, str]]:
    """Return sending, line and first cell-with-a-value of what is found."""
    rows = find(archive.settings, archive.ledger, [INTERVAL, BILLING], Wanted(**wanted))
    return [(r.sending_id, r.line, r.cells.get("usage_value") or r.cells["account_id"]) for r in rows]


def at(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M %z")


def test_every_row_of_a_service_point_is_found_over_all_files_in_order_of_arrival(archive: Archive) -> None:
    end = at("2026-03-01 05:00 +0000")
    late = archive.send("interval60", [interval_row("SP1", end, "3")], 0, delivered_at=datetime(2026, 3, 9, tzinfo=UTC))
    first = archive.send("interval60", [interval_row("SP2", end, "9"), interval_row("SP1", end, "1")], 1)
    second = archive.send("interval60", [interval_row("SP1", end, "2")], 2)
    usage = archive.send("usage", [usage_row("SP1", month(0), month(1), "4")], delivery="billing")

    assert found(archive, service_point="SP1") == [(first, 3, "1"), (second, 2, "2"), (late, 2, "3"), (usage, 2, "4")]
    assert found(archive, service_point="SP3") == []


def test_a_row_found_is_the_files_own_with_when_it_was_sent(archive: Archive) -> None:
    row = usage_row("SP1", month(0), month(1), "0.40", flag="")
    number = archive.send("usage", [row], delivery="billing")

    (hit,) = find(archive.settings, archive.ledger, [BILLING], Wanted("SP1"))

    assert hit.to_dict() == {
        "sent_at": "2026-03-01T06:00:00+00:00",
        "delivery": "billing",
        "sending": number,
        "file": name_of("usage", "20260301060000"),
        "line": 2,
        "row": dict(
            zip(
                ("service_point_id", "usage_value", "date_to", "duration", "is_estimate", "usage_charge"),
                row.split("\t"),
                strict=True,
            )
        ),
    }


def test_midnight_belongs_to_the_day_before(archive: Archive) -> None:
    rows = [
        interval_row("SP1", at("2026-03-09 00:00 -0400"), "last of the eighth"),
        interval_row("SP1", at("2026-03-09 01:00 -0400"), "first of the ninth"),
        interval_row("SP1", at("2026-03-10 00:00 -0400"), "last of the ninth"),
        interval_row("SP1", at("2026-03-10 01:00 -0400"), "first of the tenth"),
    ]
    archive.send("interval60", rows)

    values = [value for *_, value in found(archive, service_point="SP1", day=date(2026, 3, 9))]

    assert values == ["first of the ninth", "last of the ninth"]


def test_a_billed_period_is_found_by_every_day_in_it(archive: Archive) -> None:
    archive.send("customer", [account_row("SP1")], delivery="billing")
    rows = [
        usage_row("SP1", date(2026, 1, 5), date(2026, 2, 4), "1"),
        usage_row("SP1", date(2026, 2, 4), month(27), "2"),
    ]
    number = archive.send("usage", [*rows, "SP1\t3\tno date\t\t\t"], 1, delivery="billing")

    for day, expected in ((4, []), (5, ["1"]), (31, ["1"])):
        assert [v for *_, v in found(archive, day=date(2026, 1, day))] == expected
    assert found(archive, day=date(2026, 2, 3)) == [(number, 2, "1")]
    assert found(archive, day=date(2026, 2, 4)) == [(number, 3, "2")]


def test_an_account_is_found_with_what_its_service_point_used_while_it_was_there(archive: Archive) -> None:
    leaves, enters = date(2026, 2, 10), date(2026, 2, 10)
    rows = [account_row("SP1", "C1", "A1"), account_row("SP9", "C9", "A9")]
    accounts = archive.send("customer", rows, delivery="billing")
    before = [usage_row("SP1", month(24), month(25), "1"), usage_row("SP9", month(24), month(25), "9")]
    usage = archive.send("usage", before, delivery="billing", name=name_of("usage", "20260301060001"))
    reads = [
        interval_row("SP1", at("2026-02-10 00:00 -0500"), "5"),
        interval_row("SP1", at("2026-02-10 01:00 -0500"), "6"),
    ]
    interval = archive.send("interval60", reads)
    moved = [
        account_row("SP1", "C1", "A1", ended=f"{leaves:%Y%m%d}"),
        account_row("SP1", "C2", "A2", active=f"{enters:%Y%m%d}"),
    ]
    later = archive.send("customer", moved, 1, delivery="billing")
    after = [usage_row("SP1", month(25), leaves, "2"), usage_row("SP1", enters, month(26), "3")]
    ended = archive.send("usage", after, 1, delivery="billing", name=name_of("usage", "20260302060001"))

    assert found(archive, account="A1") == [
        (interval, 2, "5"), (accounts, 2, "A1"), (usage, 2, "1"), (later, 2, "A1"), (ended, 2, "2"),
    ]  # fmt: skip
    assert found(archive, account="A2") == [(interval, 3, "6"), (later, 3, "A2"), (ended, 3, "3")]
    assert found(archive, account="A2", service_point="SP9") == []
    assert found(archive, account="A3") == []


def test_ccbs_number_of_an_account_finds_it_too(archive: Archive) -> None:
    row = account_row("SP1", "C1", "A1").replace("\t\t\t12 Elm", "\t\t4410000000\t12 Elm")
    number = archive.send("full", [f"{row}\t7\t20260201\t31\tA\t1.00"], delivery="billing")

    assert found(archive, account="4410000000") == [(number, 2, "7")]


def test_quotes_and_wildcards_in_a_question_are_plain_text(archive: Archive) -> None:
    archive.send("usage", [usage_row("SP'1", month(0), month(1), "4")], delivery="billing")

    assert [v for *_, v in found(archive, service_point="SP'1")] == ["4"]
    assert found(archive, service_point="SP%") == found(archive, account="' or true --") == []


def test_files_of_an_older_version_with_other_columns_are_searched_too(archive: Archive) -> None:
    old = archive.send("usage", [], delivery="billing", text="service_point_id\tusage_value\tregister\nSP1\t1\t7\n")
    new = archive.send("usage", [usage_row("SP1", month(0), month(1), "2")], 1, delivery="billing")

    rows = list(find(archive.settings, archive.ledger, [BILLING], Wanted("SP1")))

    assert [(r.sending_id, "register" in r.cells, "duration" in r.cells) for r in rows] == [
        (old, True, False), (new, False, True),
    ]  # fmt: skip


def differ(archive: Archive, first: int, second: int, shown: int = 50) -> Difference:
    return compare(archive.settings, archive.ledger, BILLING, (first, second), shown)


def test_two_sendings_are_compared_by_what_tells_their_rows_apart(archive: Archive) -> None:
    jan, feb, mar = ((month(n), month(n + 1)) for n in (24, 25, 26))
    rows = [usage_row("SP1", *jan, "1"), usage_row("SP1", *feb, "2", "E"), usage_row("SP1", *feb, "3")]
    first = archive.send("usage", rows, delivery="billing")
    rows = [usage_row("SP1", *feb, "4"), usage_row("SP1", *mar, "5"), usage_row("SP1", *jan, "1")]
    second = archive.send("usage", [*rows, usage_row("SP1", month(24), date(2026, 1, 31), "6")], 1, delivery="billing")

    told = differ(archive, first, second)

    assert (told.only_first, told.only_second, told.changed, told.same) == (0, 2, 1, 1)
    assert [(c.kind, c.key["date_to"], c.first_line, c.second_line) for c in told.changes] == [
        ("only_second", "20260131", None, 5), ("changed", "20260301", 4, 2), ("only_second", "20260401", None, 3),
    ]  # fmt: skip
    assert (told.changes[1].first, told.changes[1].second) == ({"usage_value": "3"}, {"usage_value": "4"})
    assert told.changes[2].second == {"usage_value": "5", "is_estimate": "A", "usage_charge": "91.86"}


def test_a_difference_lists_no_more_than_asked_and_counts_all(archive: Archive) -> None:
    first = archive.send("customer", [account_row(f"SP{n}", account=f"A{n}") for n in range(9)], delivery="billing")
    second = archive.send("customer", [], 1, delivery="billing")

    told = differ(archive, first, second, shown=2)

    assert (told.only_first, len(told.changes), told.columns_only_first) == (9, 2, ())


def test_the_two_passes_of_a_repeated_hour_are_two_reads(archive: Archive) -> None:
    hours = [interval_row("SP1", at(f"2025-11-02 01:00 {offset}"), "1") for offset in ("-0400", "-0500")]
    first = archive.send("interval60", hours)
    second = archive.send("interval60", hours[1:], 1)

    told = compare(archive.settings, archive.ledger, INTERVAL, (first, second))

    assert (told.only_first, told.same) == (1, 1)
    assert told.changes[0].key["UTC_offset"] == "-0400"


def test_columns_that_only_one_sending_has_are_named(archive: Archive) -> None:
    first = archive.send("usage", [], delivery="billing", text="service_point_id\tusage_value\told\nSP1\t1\t7\n")
    second = archive.send("usage", [], 1, delivery="billing", text="service_point_id\tusage_value\tnew\nSP1\t1\t8\n")

    told = differ(archive, first, second)

    assert (told.columns_only_first, told.columns_only_second, told.same) == (("old",), ("new",), 1)


def test_files_of_the_crm_are_not_compared(archive: Archive) -> None:
    crm: Any = SimpleNamespace(delivery="crm_core", kind="crm", profile="salesforce/core_v62")

    with pytest.raises(TerminalError) as refused:
        compare(archive.settings, archive.ledger, crm, (1, 2))

    assert refused.value.code == "sent.not_searchable"


def test_a_year_of_nights_is_searched_in_a_handful_of_statements(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights = 365
    with archive.at_once():
        for night in range(nights):
            rows = [usage_row(f"SP{n}", month(0), month(1), str(night)) for n in range(5)]
            archive.send("usage", rows, night, delivery="billing")
    ensure(archive.settings, archive.ledger, "billing")
    statements: list[str] = []
    monkeypatch.setattr(duck, "memory_engine", lambda settings: _noting(statements))

    values = [value for *_, value in found(archive, service_point="SP3", account=None)]

    assert values == [str(night) for night in range(nights)]
    assert len(statements) <= 3


@contextmanager
def _noting(statements: list[str]) -> Iterator[Any]:
    """Open an engine that notes what it is asked."""
    with duck.private_engine() as con:

        class Noting:
            def execute(self, query: str, *parameters: Any) -> Any:
                statements.append(query)
                return con.execute(query, *parameters)

            def __getattr__(self, name: str) -> Any:
                return getattr(con, name)

        yield Noting()
