"""What the writer of billing files says of customers and periods, what it holds, and how lines lie in files."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.support.billing import TODAY, Agreement, Billed, on_record, profile, window, write
from tests.support.delivery import body, rows
from tests.support.opower_files import CUSTOMER_HEADER, FULL_HEADER, USAGE_HEADER

from nightwatt.delivery.opower.billing_profile import BillingProfile
from nightwatt.delivery.opower.billing_writer import Written
from nightwatt.delivery.phases import PhaseKind, Sample
from nightwatt.errors import TerminalError

JANUARY, FEBRUARY, MARCH, APRIL = (date(2025, month, 1) for month in (1, 2, 3, 4))
CUSTOMER = "C001\tP001\t\t\t12 Elm Ter\tA-E1\t20230401\t\t\t07\tSP-E1\t12\tElm Ter\t\tAlbany\tNY\t12203"
IN_JANUARY, IN_FEBRUARY = "SP-E1\t812.4\t20250201\t31\tA\t121.86", "SP-E1\t640\t20250301\t28\tA\t96.00"
JANUARY_BILL = Billed(JANUARY, FEBRUARY, "812.4", "121.86")
FEBRUARY_BILL = Billed(FEBRUARY, MARCH)
SENT = [
    ("customer.gz", f"{CUSTOMER_HEADER}\n{CUSTOMER}\n"),
    ("usage.gz", f"{USAGE_HEADER}\n{IN_JANUARY}\n{IN_FEBRUARY}\n"),
]


def said(written: Written, kind: str) -> list[str]:
    """Return the lines of all files of a kind, in the order in which they go."""
    return ["\t".join(cells) for f in written.files if f.kind == kind for cells in rows(f.file.path)]


def since(sequence: int, **parts: Any) -> Any:
    """Return the window of an incremental after a file that had everything through a load."""
    return window(since_sequence=sequence, **parts)


# ---- customers -------------------------------------------------------------------------------------------------------


def test_a_customer_is_said_again_only_in_other_words(tmp_path: Path) -> None:
    sent = on_record(tmp_path, *SENT)
    same, moved = Agreement(sequence=9), Agreement(inactive=MARCH)

    assert said(write(tmp_path, [same], sent=sent, within=since(1)), "customer") == []
    assert [line.split("\t")[7] for line in said(write(tmp_path, [moved], sent=sent), "customer")] == ["20250301"]


def test_a_whole_history_says_again_what_the_partner_has(tmp_path: Path) -> None:
    bills = [JANUARY_BILL, FEBRUARY_BILL]

    written = write(tmp_path, [Agreement()], bills, sent=on_record(tmp_path, *SENT), phase=PhaseKind.FULL)

    assert (said(written, "customer"), said(written, "usage")) == ([CUSTOMER], [IN_JANUARY, IN_FEBRUARY])


def test_the_active_date_said_first_stays_and_is_counted(tmp_path: Path) -> None:
    other = Agreement(active=date(2023, 5, 1), read_cycle="08")

    written = write(tmp_path, [other], sent=on_record(tmp_path, *SENT))

    assert [line.split("\t")[6] for line in said(written, "customer")] == ["20230401"]
    assert written.active_dates_kept == 1


def test_who_was_never_said_comes_with_whatever_load_once_he_has_begun(tmp_path: Path) -> None:
    comes = Agreement(account="A-2", point="SP-2", customer="C2", premise="P2", active=date(2025, 3, 3))
    within = since(5)

    assert said(write(tmp_path, [comes], within=within, today=TODAY), "customer") == []
    assert len(said(write(tmp_path, [comes], within=within, today=date(2025, 3, 3)), "customer")) == 1


def test_what_the_partner_would_refuse_of_a_customer_is_held_with_what_he_used(tmp_path: Path) -> None:
    nowhere = Agreement(house=None)
    backwards = Agreement(account="A-2", point="SP-2", premise="P2", inactive=date(2023, 1, 1))
    null = Agreement(account="NULL", point="SP-3", premise="P3")
    abroad = Agreement(account="A-4", point="SP-4", premise="P4", facts={"service_state": "Ontario"})
    bills = [JANUARY_BILL, Billed(JANUARY, FEBRUARY, account="A-2", point="SP-2")]

    written = write(tmp_path, [nowhere, backwards, null, abroad], bills)

    assert written.files == ()
    assert written.left_out == {
        "customer_dates_backwards": 1,
        "customer_incomplete": 3,
        "usage_customer_held": 2,
    }


def test_of_two_customers_at_a_premise_at_a_time_the_later_one_is_held(tmp_path: Path) -> None:
    first = Agreement(inactive=date(2025, 2, 10))
    overlapping = Agreement(account="A-2", customer="C002", active=date(2025, 2, 9))
    following = Agreement(account="A-3", customer="C003", active=date(2025, 2, 10))

    assert write(tmp_path, [first, overlapping]).left_out == {"customer_premise_shared": 1}
    written = write(tmp_path, [first, following])
    assert [line.split("\t")[0] for line in said(written, "customer")] == ["C001", "C003"]


def test_who_left_the_population_without_a_word_still_is_at_his_premise_for_the_partner(tmp_path: Path) -> None:
    reclassified = Agreement(customer_class="commercial")
    into = Agreement(account="A-2", customer="C2", active=date(2025, 2, 20))

    written = write(tmp_path, [reclassified, into], sent=on_record(tmp_path, *SENT), customer_classes=["residential"])

    assert (said(written, "customer"), written.left_out) == ([], {"customer_premise_shared": 1})


def test_a_population_is_its_classes_and_commodity(tmp_path: Path) -> None:
    people = [
        Agreement(account=f"A-{n}", point=f"SP-{n}", premise=f"P{n}", commodity=commodity, customer_class=kind)
        for n, (commodity, kind) in enumerate(
            [("electricity", "residential"), ("gas", "residential"), ("electricity", "commercial")]
        )
    ]

    written = write(tmp_path, people, customer_classes=["residential"], commodity="electricity")

    assert [line.split("\t")[5] for line in said(written, "customer")] == ["A-0"]


def test_a_sample_is_the_same_accounts_for_the_same_seed_with_all_they_have(tmp_path: Path) -> None:
    people = [
        Agreement(account=f"A-{n}-{f}", point=f"SP-{n}-{f}", premise=f"P{n}", customer=f"C{n}")
        for n in range(20)
        for f in "EG"
    ]

    def chosen(seed: int) -> list[str]:
        within = window(sample=Sample(5, seed))
        written = write(tmp_path, people, phase=PhaseKind.SAMPLE, within=within)
        return [line.split("\t")[0] for line in said(written, "customer")]

    assert chosen(1) == chosen(1) != chosen(2)
    assert {customer: chosen(1).count(customer) for customer in chosen(1)} == dict.fromkeys(chosen(1), 2)
    assert len(chosen(1)) == 10


def test_a_cut_knows_nothing_of_later_days_and_the_file_after_it_says_them(tmp_path: Path) -> None:
    cut = date(2025, 2, 14)
    out = Agreement(inactive=date(2025, 2, 20))
    into = Agreement(account="A-2", customer="C2", active=date(2025, 2, 20))
    bills = [JANUARY_BILL, FEBRUARY_BILL]

    full = write(tmp_path, [out, into], bills, phase=PhaseKind.FULL, within=window(first_day=JANUARY, last_day=cut))
    assert (said(full, "customer"), said(full, "usage")) == ([CUSTOMER], [IN_JANUARY])

    sent = on_record(
        tmp_path, ("c.gz", f"{CUSTOMER_HEADER}\n{CUSTOMER}\n"), ("u.gz", f"{USAGE_HEADER}\n{IN_JANUARY}\n")
    )
    rest = write(tmp_path, [out, into], bills, sent=sent, within=since(1, first_day=JANUARY, earlier_cut=cut))
    assert [line.split("\t")[5:8] for line in said(rest, "customer")] == [
        ["A-E1", "20230401", "20250220"],
        ["A-2", "20250220", ""],
    ]
    assert said(rest, "usage") == [IN_FEBRUARY]


# ---- periods ---------------------------------------------------------------------------------------------------------


def test_a_period_loaded_since_is_said_unless_the_partner_has_the_very_same_words(tmp_path: Path) -> None:
    sent = on_record(tmp_path, *SENT)
    again, dearer = replace(JANUARY_BILL, sequence=9), replace(FEBRUARY_BILL, charge="97.00", sequence=9)

    written = write(tmp_path, [Agreement()], [again, dearer], sent=sent, within=since(5))

    assert said(written, "usage") == ["SP-E1\t640\t20250301\t28\tA\t97.00"]


@pytest.mark.parametrize(
    ("cancelled", "lines", "held"), [("zero", ["SP-E1\t0\t20250301\t28\tA\t0.00"], 0), ("hold", [], 1)]
)
def test_a_bill_taken_back_is_its_period_again_with_nothing(
    tmp_path: Path, cancelled: str, lines: list[str], held: int
) -> None:
    gone = Billed(FEBRUARY, MARCH, None, "0.00", cancelled=True, sequence=9)

    written = write(
        tmp_path, [Agreement()], [JANUARY_BILL, gone], sent=on_record(tmp_path, *SENT), within=since(5),
        rules=profile(cancelled=cancelled),
    )  # fmt: skip

    assert (said(written, "usage"), written.not_expressible) == (lines, held)


def test_a_bill_taken_back_before_the_partner_heard_of_it_is_not_said(tmp_path: Path) -> None:
    gone = Billed(FEBRUARY, MARCH, None, "0.00", cancelled=True)

    written = write(tmp_path, [Agreement()], [JANUARY_BILL, gone])

    assert said(written, "usage") == [IN_JANUARY]
    assert written.left_out == {}


def test_what_is_held_is_tried_again_when_its_service_point_has_news(tmp_path: Path) -> None:
    """A rebill that ends before the newest read waits; one that ends after it says both."""
    sent = on_record(tmp_path, *SENT)
    gone = Billed(FEBRUARY, MARCH, None, None, cancelled=True, sequence=6)
    shorter = Billed(FEBRUARY, date(2025, 2, 20), "400", "60.00", sequence=6)
    rest = Billed(date(2025, 2, 20), APRIL, "700", "99.00", sequence=7)
    longer = Billed(FEBRUARY, APRIL, "1301", "195.15", sequence=8)

    held = write(tmp_path, [Agreement()], [JANUARY_BILL, gone, shorter], sent=sent, within=since(5))
    assert (held.files, held.not_expressible) == ((), 2)

    still = write(tmp_path, [Agreement()], [JANUARY_BILL, gone, shorter, rest], sent=sent, within=since(6))
    assert (said(still, "usage"), still.not_expressible) == ([], 3)

    at_last = write(
        tmp_path,
        [Agreement()],
        [JANUARY_BILL, gone, replace(shorter, cancelled=True), longer],
        sent=sent,
        within=since(7),
    )
    assert (said(at_last, "usage"), at_last.not_expressible) == (["SP-E1\t1301\t20250401\t59\tA\t195.15"], 0)


def test_a_period_nobody_took_back_but_nobody_knows_any_more_is_held(tmp_path: Path) -> None:
    march = Billed(MARCH, APRIL, sequence=9)

    written = write(tmp_path, [Agreement()], [JANUARY_BILL, march], sent=on_record(tmp_path, *SENT), within=since(5))

    assert said(written, "usage") == ["SP-E1\t640\t20250401\t31\tA\t96.00"]
    assert written.not_expressible == 1


@pytest.mark.parametrize(
    ("bill", "reason"),
    [
        (Billed(JANUARY, FEBRUARY, point=None), "usage_several_points"),
        (Billed(JANUARY, FEBRUARY, usage=None), "usage_missing"),
        (Billed(JANUARY, FEBRUARY, usage="-0.1"), "usage_negative"),
        (Billed(JANUARY, FEBRUARY, usage="999999999.1"), "usage_too_large"),
        (Billed(JANUARY, JANUARY), "usage_no_days"),
    ],
)
def test_what_the_partner_would_refuse_of_a_period_is_held(tmp_path: Path, bill: Billed, reason: str) -> None:
    written = write(tmp_path, [Agreement()], [bill])

    assert (said(written, "usage"), written.left_out) == ([], {reason: 1})


def test_the_last_day_as_end_date_where_the_profile_says_so(tmp_path: Path) -> None:
    rules = profile(period={"date_to": "last_day", "longest_days": 400})
    record = f"{USAGE_HEADER}\nSP-E1\t812.4\t20250131\t31\tA\t121.86\n"

    written = write(
        tmp_path, [Agreement()], [JANUARY_BILL, FEBRUARY_BILL], sent=on_record(tmp_path, ("u.gz", record)), rules=rules
    )

    assert said(written, "usage") == ["SP-E1\t640\t20250228\t28\tA\t96.00"]


def test_an_estimate_is_said_to_be_one_and_amounts_keep_every_digit(tmp_path: Path) -> None:
    bills = [Billed(JANUARY, FEBRUARY, "0.1", None, estimated=True), Billed(FEBRUARY, MARCH, "12.340567", "-1.5")]

    assert said(write(tmp_path, [Agreement()], bills), "usage") == [
        "SP-E1\t0.1\t20250201\t31\tE\t",
        "SP-E1\t12.340567\t20250301\t28\tA\t-1.50",
    ]


# ---- one file --------------------------------------------------------------------------------------------------------


def test_in_one_file_an_accounts_own_news_go_with_its_newest_period(tmp_path: Path) -> None:
    tails = [line.partition("\t")[2] for line in (IN_JANUARY, IN_FEBRUARY)]
    record = "".join(f"{CUSTOMER}\t{tail}\n" for tail in tails)
    sent = on_record(tmp_path, ("full.gz", f"{FULL_HEADER}\n{record}"))
    out = Agreement(inactive=MARCH)
    into = Agreement(account="A-E9", customer="C777", active=MARCH)

    written = write(tmp_path, [out, into], [JANUARY_BILL, FEBRUARY_BILL], sent=sent, mode="full", within=since(5))

    (line,) = said(written, "full")
    assert line == f"{CUSTOMER}\t{tails[1]}".replace("20230401\t", "20230401\t20250301")
    assert written.left_out == {"customer_no_usage_yet": 1}
    assert written.totals["full"].rows == 1


# ---- files -----------------------------------------------------------------------------------------------------------


def many(count: int) -> tuple[list[Agreement], list[Billed]]:
    """Return customers with a year of bills each."""
    people = [
        Agreement(account=f"A{n:05}", point=f"SP{n:05}", premise=f"P{n:05}", customer=f"C{n}") for n in range(count)
    ]
    months = [date(2024, month, 1) for month in range(1, 13)] + [JANUARY]
    bills = [
        Billed(start, end, str(n * 7919 % 100_003), f"{n * 104_729 % 99_991}.17", account=a.account, point=a.point)
        for n, a in enumerate(people)
        for start, end in pairwise(months)
    ]
    return people, bills


def test_files_are_split_between_service_points_and_their_order_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nightwatt.delivery.opower.billing_writer.MEGABYTE", 20_000)
    people, bills = many(300)

    written = write(tmp_path, people[::-1], bills[::-1], max_file_mb=1)

    names = [f.file.name for f in written.files]
    kinds = [f.kind for f in written.files]
    assert kinds == sorted(kinds)
    assert kinds.count("usage") > 2
    assert names == sorted(names, key=lambda name: name[-17:])
    assert all(f.file.size_bytes <= 20_000 for f in written.files)
    points = [[r[0] for r in rows(f.file.path)] for f in written.files if f.kind == "usage"]
    assert sum(map(len, points)) == written.totals["usage"].rows == 3600
    assert [p for of_file in points for p in of_file] == sorted(b.point or "" for b in bills)
    assert all(not set(a) & set(b) for a, b in pairwise(points))


def test_the_same_rows_give_the_same_bytes_in_whatever_order_they_lie(tmp_path: Path) -> None:
    people, bills = many(20)
    (tmp_path / "again").mkdir()

    one, other = write(tmp_path, people, bills), write(tmp_path / "again", people[::-1], bills[::-1])

    assert [f.file.sha256 for f in one.files] == [f.file.sha256 for f in other.files]


# ---- the profile -----------------------------------------------------------------------------------------------------


def with_column(column: str) -> BillingProfile:
    """Return the profile with one more column at the end of the customer block."""
    rules = profile().model_dump()
    more = {"name": "customer_type", "type": "text", "required": False, "column": column, "confirmed": ["name"]}
    rules["blocks"]["customer"].append(more)
    return BillingProfile.model_validate(rules)


def test_a_column_is_added_by_the_profile_alone(tmp_path: Path) -> None:
    person = Agreement(facts={"customer_type": "person"})

    written = write(tmp_path, [person], rules=with_column("customer_type"))

    lines = body(written.files[0].file.path).decode().splitlines()
    assert [line.split("\t")[5] for line in lines] == ["customer_type", "person"]


def test_a_column_the_warehouse_does_not_have_is_named(tmp_path: Path) -> None:
    with pytest.raises(TerminalError, match="dim_service_agreement has no column shoe_size") as raised:
        write(tmp_path, [Agreement()], rules=with_column("shoe_size"))

    assert raised.value.code == "delivery.profile_invalid"
