"""Who shares what: companies, landlords, buildings, contacts, arrangements; and money that is taken back."""

from __future__ import annotations

import re
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.unit.simulator.replay import good, table

from nightwatt.simulator import Utility, expected_accounts, expected_bills, expected_reads, write_night
from nightwatt.simulator.ccb_customers import people, premises
from nightwatt.simulator.clock import day_number
from nightwatt.simulator.extract import CLOSED_FOR, Extract
from nightwatt.simulator.world import Customers, tenancies

UTILITY = Utility(600, seed=23)
NIGHT = date(2026, 5, 12)
NIGHTS = [date(2026, 3, 1) + timedelta(days=n) for n in range(30)]
NAMES = (
    "ci_per", "ci_per_name", "c1_per_contdet", "ci_acct", "ci_acct_per", "ci_acct_apay", "ci_prem", "ci_prem_geo",
    "ci_sp", "ci_sa", "ci_sa_sp", "ci_bill", "ci_bseg", "ci_ft", "ci_pay",
)  # fmt: skip
Tables = dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """One complete extract."""
    folder = tmp_path_factory.mktemp("picture")
    write_night(UTILITY, NIGHT, folder, first_night=True, systems=["ccb"])
    return {name: good(folder, name, f"{NIGHT:%Y%m%d}") for name in NAMES}


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """What a platform holds after a complete night and a month of changes: the last row of each key."""
    folder, utility = tmp_path_factory.mktemp("nights"), Utility(200, seed=23, faults=False)
    for night in NIGHTS:
        write_night(utility, night, folder, first_night=night == NIGHTS[0], systems=["ccb"])
    keys = {"ci_acct_per": ["ACCT_ID", "PER_ID"], "ci_per_name": ["PER_ID", "SEQ_NUM"]}
    held = {}
    for name in NAMES:
        rows = pl.concat([table(folder, name, f"{night:%Y%m%d}") for night in NIGHTS])
        held[name] = rows.unique(keys.get(name, rows.columns[:1]), keep="last", maintain_order=True)
    return held


def counted(frame: pl.DataFrame, by: str, what: str) -> dict[str, int]:
    """Count the distinct values of one column for each value of another."""
    return dict(frame.group_by(by).agg(pl.col(what).n_unique()).rows())


def cents(column: str) -> pl.Expr:
    return (pl.col(column).cast(pl.Float64) * 100).round().cast(pl.Int64)


def test_companies_and_landlords_have_several_accounts_at_several_premises(tables: Tables) -> None:
    main = tables["ci_acct_per"].filter(pl.col("MAIN_CUST_SW") == "Y")
    held = main.join(tables["ci_acct"], on="ACCT_ID").join(tables["ci_per"], on="PER_ID", suffix="_PER")
    premises = counted(held, "PER_ID", "MAILING_PREM_ID")
    kinds = dict(tables["ci_per"].select("PER_ID", "PER_OR_BUS_FLG").rows())
    most = {kind: max(n for person, n in premises.items() if kinds[person] == kind) for kind in ("P", "B")}
    assert most["B"] >= 3
    assert most["P"] >= 3
    assert sum(n > 1 for n in premises.values()) >= 10
    assert (held.filter(pl.col("PER_OR_BUS_FLG") == "B")["CUST_CL_CD"] == "COM").all()
    assert (held.filter(pl.col("PER_OR_BUS_FLG") == "P")["CUST_CL_CD"] == "RES").all()


def test_every_account_has_one_main_customer_who_is_a_person_of_the_file(tables: Tables, replayed: Tables) -> None:
    for held in (tables, replayed):
        main = held["ci_acct_per"].filter(pl.col("MAIN_CUST_SW") == "Y")
        assert sorted(main["ACCT_ID"]) == sorted(held["ci_acct"]["ACCT_ID"])
        assert set(held["ci_acct_per"]["PER_ID"]) <= set(held["ci_per"]["PER_ID"])
        assert held["ci_per"]["PER_ID"].is_unique().all()


@pytest.fixture(scope="module")
def changes() -> tuple[Tables, Tables]:
    """The customers of a bigger utility on one day, and the rows that forty days after it brought."""
    utility, first = Utility(6000, seed=3), day_number(NIGHT)
    customers = Customers(utility, np.arange(6000, dtype=np.uint64))
    by_day = []
    for day in range(first, first + 41):
        tenants = tenancies(customers, day - CLOSED_FOR, day)
        by_day.append(people(Extract(utility, day, complete=day == first), tenants))
    return by_day[0], {name: pl.concat([tables[name] for tables in by_day[1:]]) for name in by_day[0]}


def test_a_new_account_of_a_company_brings_no_new_person(changes: tuple[Tables, Tables]) -> None:
    before, after = changes
    roles = after["ci_acct_per"].filter(pl.col("MAIN_CUST_SW") == "Y")
    known_before = roles.join(before["ci_per"], on="PER_ID", how="semi")
    assert 5 < known_before.height < roles.height / 2
    assert not set(before["ci_per"]["PER_ID"]) & set(after["ci_per"]["PER_ID"])
    new = set(roles["PER_ID"]) - set(known_before["PER_ID"])
    assert new <= set(after["ci_per"]["PER_ID"])


def test_flats_share_the_address_and_place_of_their_building(tables: Tables) -> None:
    premises = tables["ci_prem"]
    buildings, flats = (premises.filter(c) for c in (pl.col("PREM_TYPE_CD") == "BLDG", pl.col("PRNT_PREM_ID") != ""))
    assert set(flats["PRNT_PREM_ID"]) == set(buildings["PREM_ID"])
    assert (buildings["PRNT_PREM_ID"] == "").all()
    assert min(counted(flats, "PRNT_PREM_ID", "PREM_ID").values()) >= 2
    assert counted(flats, "PRNT_PREM_ID", "PREM_ID") == counted(flats, "PRNT_PREM_ID", "ADDRESS2")
    joined = flats.join(buildings, left_on="PRNT_PREM_ID", right_on="PREM_ID", suffix="_B")
    for column in ("ADDRESS1", "CITY", "POSTAL", "COUNTY"):
        assert (joined[column] == joined[f"{column}_B"]).all()
    places = dict(tables["ci_prem_geo"].select("PREM_ID", "GEO_VAL").rows())
    assert {places.get(f) == places.get(b) for f, b in flats.select("PREM_ID", "PRNT_PREM_ID").rows()} == {True}
    assert 0.1 < flats.height / UTILITY.customers < 0.4


def test_nobody_lives_in_a_building_itself(tables: Tables) -> None:
    buildings = set(tables["ci_prem"].filter(pl.col("PREM_TYPE_CD") == "BLDG")["PREM_ID"])
    assert buildings
    named = (("ci_sp", "PREM_ID"), ("ci_acct", "MAILING_PREM_ID"), ("ci_sa", "CHAR_PREM_ID"), ("ci_bseg", "PREM_ID"))
    for name, column in named:
        assert not buildings & set(tables[name][column])


@pytest.mark.parametrize("customers", [1, 2, 17, 33, 65])
def test_no_building_is_left_with_one_flat_at_the_end_of_the_numbers(customers: int) -> None:
    for seed in range(12):
        everyone = Customers(Utility(customers, seed=seed), np.arange(customers, dtype=np.uint64))
        inside = everyone.building[everyone.in_building]
        assert (np.unique(inside, return_counts=True)[1] >= 2).all()
        assert np.count_nonzero(everyone.opens_building) == len(np.unique(inside))


def test_coordinates_lie_in_the_territory_and_some_are_missing(tables: Tables) -> None:
    places = tables["ci_prem_geo"]
    assert set(places["GEO_TYPE_CD"]) == {"LAT/LONG"}
    assert places["GEO_VAL"].str.contains(r"^42\.\d{6},-7[56]\.\d{6}$").all()
    assert 0.9 < places.height / tables["ci_prem"].height < 1


def test_solar_points_are_those_that_give_back(tables: Tables) -> None:
    solar = tables["ci_sp"].filter(pl.col("SP_TYPE_CD") == "E-SOL")["SP_ID"]
    reads = expected_reads(UTILITY, NIGHT - timedelta(days=1)).filter(pl.col("channel") == "E-KWH-15-REC")
    assert set(solar) == set(reads["service_point_id"])
    assert len(solar) > 10


WELL_FORMED = {
    "EMAIL": re.compile(r"[a-z.0-9]+@[a-z]+\.(example|com|net|org)"),
    "HOMEPHONE": re.compile(r"(\(\d{3}\) 555-|\d{3}-555-|\d{3}555|\+1 \d{3} 555 )01\d\d"),
}
WELL_FORMED["CELLPHONE"] = WELL_FORMED["HOMEPHONE"]


def malformed(contacts: pl.DataFrame) -> dict[str, float]:
    """Return the share of each route's contacts that do not look like one."""
    shares = {}
    for route, pattern in WELL_FORMED.items():
        values = contacts.filter(pl.col("COMM_RTE_TYPE_CD") == route)["CONTACT_VALUE"].to_list()
        shares[route] = sum(not pattern.fullmatch(v) for v in values) / len(values)
    return shares


def test_contacts_are_ascii_and_malformed_only_with_faults(tables: Tables, replayed: Tables) -> None:
    contacts = tables["c1_per_contdet"]
    assert set(contacts["COMM_RTE_TYPE_CD"]) == set(WELL_FORMED)
    assert all(v.isascii() for v in contacts["CONTACT_VALUE"])
    assert 0 < malformed(contacts)["EMAIL"] < 0.05
    assert set(malformed(replayed["c1_per_contdet"]).values()) == {0.0}
    assert set(contacts["PER_ID"]) < set(tables["ci_per"]["PER_ID"])


def test_a_replaced_address_stays_inactive_beside_the_new_one(tables: Tables) -> None:
    contacts = tables["c1_per_contdet"]
    active = contacts.filter(pl.col("CND_ACTINACT_FLG") == "C1AC")
    primary = active.filter(pl.col("CND_PRIMARY_FLG") == "C1YS")
    assert primary.select("PER_ID", "COMM_RTE_TYPE_CD").is_unique().all()
    assert active.filter(pl.col("CND_PRIMARY_FLG") == "C1NO").height > 5
    replaced = contacts.filter(pl.col("CND_ACTINACT_FLG") == "C1IN")
    assert replaced.height > 20
    emails = primary.filter(pl.col("COMM_RTE_TYPE_CD") == "EMAIL")
    newer = replaced.join(emails, on="PER_ID", suffix="_NEW")
    assert newer.height == replaced.height
    moments = [newer[c].str.to_datetime("%Y-%m-%d-%H.%M.%S") for c in ("LAST_UPDATE_DTTM", "LAST_UPDATE_DTTM_NEW")]
    assert (moments[0] < moments[1] + timedelta(days=1)).all()


def test_contacts_change_from_night_to_night(changes: tuple[Tables, Tables]) -> None:
    before, after = changes
    known = after["c1_per_contdet"].join(before["c1_per_contdet"], on="C1_CONTACT_ID", suffix="_OLD")
    assert known.height > 20
    assert set(known["CND_ACTINACT_FLG"]) == {"C1IN"}
    assert set(known["CND_ACTINACT_FLG_OLD"]) == {"C1AC"}
    assert (known["CONTACT_VALUE"] == known["CONTACT_VALUE_OLD"]).all()
    assert (known["LAST_UPDATE_DTTM"] > known["LAST_UPDATE_DTTM_OLD"]).all()
    new = after["c1_per_contdet"].filter(pl.col("CND_ACTINACT_FLG") == "C1AC")
    assert set(known["PER_ID"]) <= set(new["PER_ID"])


def test_autopay_starts_and_ends_within_its_account(tables: Tables) -> None:
    pays = tables["ci_acct_apay"].join(tables["ci_acct"], on="ACCT_ID", suffix="_ACCT")
    assert pays.height == tables["ci_acct_apay"].height > 100
    assert (pays["START_DT"] > pays["SETUP_DT"]).all()
    ended = pays.filter(pl.col("END_DT") != "")
    assert 0 < ended.height < pays.height / 3
    assert (ended["END_DT"] > ended["START_DT"]).all()
    assert (ended["END_DT"] < f"{NIGHT}").all()
    assert pays["EXT_ACCT_ID"].str.contains(r"^BANK-CANARY-\d+$").all()


def test_bills_go_out_by_post_by_mail_and_by_message_and_some_accounts_leave_paper(
    changes: tuple[Tables, Tables],
) -> None:
    before, after = changes
    assert set(before["ci_acct"]["BILL_RTE_TYPE_CD"].str.strip_chars()) == {"POSTAL", "EMAIL", "SMS", ""}
    known = after["ci_acct"].join(before["ci_acct"], on="ACCT_ID", suffix="_OLD")
    assert known.height > 5
    assert set(known["BILL_RTE_TYPE_CD"]) == {"EMAIL   "}
    assert set(known["BILL_RTE_TYPE_CD_OLD"]) == {"POSTAL  "}


def test_reversed_bills_have_only_cancelled_segments_no_money_and_no_payment(tables: Tables) -> None:
    days = [NIGHT - timedelta(days=n) for n in range(20, 110)]
    bills = pl.concat([expected_bills(UTILITY, day, as_of=NIGHT) for day in days])
    reversed_bills = bills.filter("is_reversed").select(BILL_ID="bill_id")
    assert reversed_bills.height > 5
    segments = tables["ci_bseg"].join(reversed_bills, on="BILL_ID")
    assert set(segments["BSEG_STAT_FLG"]) == {"60"}
    cancelled = tables["ci_bseg"].group_by("BILL_ID").agg((pl.col("BSEG_STAT_FLG") == "60").all())
    named = cancelled.filter("BSEG_STAT_FLG").join(bills.select(BILL_ID="bill_id"), on="BILL_ID")
    assert sorted(named["BILL_ID"]) == sorted(reversed_bills["BILL_ID"])
    charges = tables["ci_ft"].join(reversed_bills, left_on="PARENT_ID", right_on="BILL_ID")
    sums = charges.group_by("PARENT_ID").agg(cents("TOT_AMT").sum(), cents("CUR_AMT").sum(), pl.len())
    assert sums.height == reversed_bills.height
    assert set(sums["TOT_AMT"]) == set(sums["CUR_AMT"]) == {0}
    assert (bills.filter("is_reversed")["usage_kwh"].is_null()).all()


def test_a_payment_that_came_back_is_answered_by_its_opposite(tables: Tables) -> None:
    back = tables["ci_pay"].filter(pl.col("PAY_STATUS_FLG") == "60")
    assert back.height > 5
    kinds = tables["ci_ft"].filter(pl.col("FT_TYPE_FLG").is_in(["PS", "PX"]))
    sums = kinds.group_by(pl.col("PARENT_ID").alias("PAY_ID")).agg(net=cents("CUR_AMT").sum())
    joined = tables["ci_pay"].join(sums, on="PAY_ID", how="left")
    expected = pl.when(pl.col("PAY_STATUS_FLG") == "60").then(0).otherwise(-cents("PAY_AMT"))
    assert joined.select((pl.col("net") == expected).all()).item()
    assert set(kinds.filter(pl.col("FT_TYPE_FLG") == "PX")["PARENT_ID"]) == set(back["PAY_ID"])


def balances(held: Tables) -> pl.DataFrame:
    """Add up the frozen transactions of each account, as an accountant would."""
    frozen = held["ci_ft"].filter(pl.col("FREEZE_SW") == "Y").join(held["ci_sa"], on="SA_ID")
    sums = frozen.group_by("ACCT_ID").agg(cents("CUR_AMT").sum(), cents("TOT_AMT").sum())
    joined = held["ci_acct"].join(sums, on="ACCT_ID", how="left").sort("ACCT_ID")
    return joined.select(
        account_id="ACCT_ID",
        balance_cents=pl.col("CUR_AMT").fill_null(0),
        payoff_cents=pl.col("TOT_AMT").fill_null(0),
    )


def test_expected_balances_are_the_sums_of_the_ledger(tables: Tables, replayed: Tables) -> None:
    small = Utility(200, seed=23, faults=False)
    for held, expected in (
        (tables, expected_accounts(UTILITY, NIGHT)),
        (replayed, expected_accounts(small, NIGHTS[-1], since=NIGHTS[0])),
    ):
        assert_frame_equal(balances(held), expected.select("account_id", "balance_cents", "payoff_cents"))
        assert (expected["balance_cents"] != expected["payoff_cents"]).any()


def test_expected_accounts_tell_who_pays_how_and_last(replayed: Tables) -> None:
    expected = expected_accounts(Utility(200, seed=23, faults=False), NIGHTS[-1], since=NIGHTS[0])
    main = replayed["ci_acct_per"].filter(pl.col("MAIN_CUST_SW") == "Y").sort("ACCT_ID")
    assert expected["person_id"].to_list() == main["PER_ID"].to_list()
    live = replayed["ci_sa"].filter(pl.col("SA_STATUS_FLG").is_in(["20", "30", "50"]))["ACCT_ID"]
    assert set(expected.filter("is_live")["account_id"]) == set(live)
    pays = replayed["ci_acct_apay"].join(replayed["ci_sa"], on="ACCT_ID", suffix="_SA")
    paying = pays.filter(pl.col("END_DT") == "")["ACCT_ID"]
    assert set(expected.filter("is_autopay")["account_id"]) == set(paying)
    posted = replayed["ci_pay"].filter(pl.col("PAY_STATUS_FLG") == "50")
    last = posted.filter(pl.col("PAY_DT") == pl.col("PAY_DT").max().over("ACCT_ID"))
    sums = last.group_by("ACCT_ID").agg(cents("PAY_AMT").sum(), pl.col("PAY_DT").first().str.to_date())
    paid = expected.filter(pl.col("last_payment_date").is_not_null())
    wanted = sums.select(account_id="ACCT_ID", last_payment_date="PAY_DT", last_payment_cents="PAY_AMT")
    assert_frame_equal(paid.select(wanted.columns), wanted.sort("account_id"))


def test_overdue_is_what_payments_leave_of_the_bills_due(tables: Tables) -> None:
    """An independent walk: what is paid or written off retires an account's charges in order of their bill's date."""
    expected = expected_accounts(UTILITY, NIGHT)
    overdue = dict(expected.select("account_id", "overdue_cents").rows())
    bills = {b: (a, due) for b, a, due in tables["ci_bill"].select("BILL_ID", "ACCT_ID", "DUE_DT").rows()}
    accounts = dict(tables["ci_sa"].select("SA_ID", "ACCT_ID").rows())
    charges: dict[str, list[tuple[str, int]]] = {}
    paid: dict[str, int] = {}
    frozen = tables["ci_ft"].filter(pl.col("FREEZE_SW") == "Y").with_columns(cents("CUR_AMT"))
    for kind, parent, printed, agreement, amount in frozen.select(
        "FT_TYPE_FLG", "PARENT_ID", "BILL_ID", "SA_ID", "CUR_AMT"
    ).rows():
        account = accounts[agreement]
        if kind in {"PS", "PX"} or parent == "WRITEOFF":
            paid[account] = paid.get(account, 0) - amount
        else:
            charges.setdefault(account, []).append((bills[printed if kind == "AD" else parent][1], amount))
    for account, mine in charges.items():
        left, money = 0, paid.get(account, 0)
        for due, amount in sorted(mine):
            money -= amount
            left = max(0, -money) if due < f"{NIGHT}" else left
        assert left == overdue[account], account
    assert sum(amount > 0 for amount in overdue.values()) > 50


@pytest.mark.parametrize("complete", [True, False])
def test_customers_may_be_asked_for_one_by_one(*, complete: bool) -> None:
    """Who shares a person or a building with whom does not depend on who is looked at together."""
    extract = Extract(Utility(150, seed=5), day_number(NIGHT), complete)

    def tables_of(numbers: range) -> Tables:
        customers = Customers(extract.utility, np.array(numbers, dtype=np.uint64))
        tenants = tenancies(customers, extract.day - CLOSED_FOR, extract.day)
        return {**people(extract, tenants), **premises(extract, customers)}

    together, alone = tables_of(range(150)), [tables_of(range(n, n + 1)) for n in range(150)]
    for name, frame in together.items():
        assert_frame_equal(pl.concat([tables[name] for tables in alone]), frame)


def test_the_money_of_a_utility_does_not_depend_on_who_holds_the_accounts(tables: Tables) -> None:
    """Sharing persons and buildings touches no bill: each account is billed for its own premise alone."""
    segments = tables["ci_bseg"].join(tables["ci_sa"], on="SA_ID")
    assert (segments["PREM_ID"] == segments["CHAR_PREM_ID"]).all()
    assert set(counted(segments, "ACCT_ID", "PREM_ID").values()) == {1}
