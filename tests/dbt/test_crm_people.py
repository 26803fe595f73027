"""People and money as the CRM receives them, from a world small enough to work out by hand.

Mistakes that are often made with these sources have a test each, named after the mistake; so have bad rows: each leaves
a finding, and the rest stands.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.dbt.scratch import NOW, TODAY, Scratch

UPDATED = {"last_update_dttm": NOW}
ADA, BEN, WORKS, ODD, NAMELESS = "0000000011", "0000000012", "0000000013", "0000000014", "0000000015"
HOUSE, OTHER_HOUSE = "0000000021", "0000000022"
HOME, SHARED, NOBODYS, ODDS, SHOP, OLD, NAMELESS_HOME = (f"000000003{n}" for n in range(1, 8))
POWER, GAS, DEPOSIT, ENDING = "0000000041", "0000000042", "0000000043", "0000000044"
SOLAR_POINT, GAS_POINT, SHOP_POINT = "0000000051", "0000000052", "0000000053"
MARTS = "path:models/marts/crm"


def rows(*given: dict[str, Any]) -> list[dict[str, Any]]:
    return [UPDATED | row for row in given]


def person(person_id: str, kind: str = "P ", **more: Any) -> dict[str, Any]:
    return {"per_id": person_id, "per_or_bus_flg": kind, "language_cd": "ENG"} | more


def name(person_id: str, text: str, number: int = 1, kind: str = "PRIM") -> dict[str, Any]:
    return {"per_id": person_id, "seq_num": number, "entity_name": text, "name_type_flg": kind}


def detail(number: int, person_id: str, route: str, value: str, **more: Any) -> dict[str, Any]:
    flags = {"cnd_primary_flg": "C1YS", "cnd_actinact_flg": "C1AC"}
    return {"contact_id": f"K{number}", "per_id": person_id, "comm_rte_type_cd": route, "contact_value": value} | (
        flags | more
    )


def account(account_id: str, **more: Any) -> dict[str, Any]:
    usual = {"cust_cl_cd": "RES     ", "bill_cyc_cd": "03  ", "currency_cd": "USD", "mailing_prem_id": HOUSE}
    return {"acct_id": account_id} | usual | more


def role(
    account_id: str, person_id: str, main: str = "Y", kind: str | None = "MAIN    ", **more: Any
) -> dict[str, Any]:
    return {"acct_id": account_id, "per_id": person_id, "main_cust_sw": main, "acct_rel_type_cd": kind} | more


def agreement(agreement_id: str, account_id: str, kind: str, status: str) -> dict[str, Any]:
    return {
        "sa_id": agreement_id, "acct_id": account_id, "cis_division": "N", "sa_type_cd": kind, "sa_status_flg": status,
        "start_dt": date(2024, 1, 5),
    }  # fmt: skip


def bill(bill_id: str, account_id: str = HOME, day: date = date(2026, 2, 5), **more: Any) -> dict[str, Any]:
    done = datetime(day.year, day.month, day.day, 12)  # noqa: DTZ001  (UTC, as the lake keeps it)
    usual = {"bill_dt": day, "due_dt": None, "bill_stat_flg": "C ", "complete_dttm": done}
    return {"bill_id": bill_id, "acct_id": account_id} | usual | more


def segment(segment_id: str, bill_id: str, agreement_id: str, status: str = "50  ", **more: Any) -> dict[str, Any]:
    period = {"start_dt": date(2026, 1, 5), "end_dt": date(2026, 2, 5)}
    return {
        "bseg_id": segment_id, "bill_id": bill_id, "sa_id": agreement_id, "bseg_stat_flg": status, "est_sw": "N",
    } | period | more  # fmt: skip


def money(
    number: int, kind: str, parent: str, sibling: str | None, amount: str, total: str | None = None, **more: Any
) -> dict[str, Any]:
    usual = {
        "sa_id": POWER, "freeze_sw": "Y", "redundant_sw": "N", "not_in_ars_sw": "N", "bill_id": None,
        "ars_dt": date(2026, 2, 5), "accounting_dt": date(2026, 2, 5),
    }  # fmt: skip
    amounts = {"cur_amt": amount, "tot_amt": amount if total is None else total}
    return {"ft_id": f"F{number:02}", "ft_type_flg": kind, "parent_id": parent, "sibling_id": sibling} | (
        usual | amounts | more
    )


@pytest.fixture(scope="module")
def world(session_scratch: Scratch) -> Scratch:
    """Ada's house with solar power, gas and a deposit; accounts with too many, too few and unknown main customers."""
    s = session_scratch
    s.reset()
    _people(s)
    _accounts(s)
    _bills(s)
    s.build(f"+{MARTS}", full=True)
    return s


def _people(s: Scratch) -> None:
    s.load(
        "ccb_per",
        rows(
            person(ADA, ls_sl_flg="LS  "),
            person(BEN, language_cd="    ", ls_sl_flg="    "),
            person(WORKS, "B ", language_cd="SPA"),
            person(ODD, language_cd="XX "),
            person(NAMELESS),
        ),
    )
    s.load(
        "ccb_per_name",
        rows(
            name(ADA, "Testperson,Ada Maria, the Third"),
            name(ADA, "Testperson,Alias", 2),
            name(ADA, "Testperson,Nick", 0, "ALT "),
            name(BEN, "Mononym   "),
            name(WORKS, "Invented Works, Ltd"),
            name(ODD, "Oddname,Odd"),
            name(NAMELESS, "     "),
        ),
    )
    s.load(
        "ccb_per_contdet",
        rows(
            detail(1, ADA, "EMAIL", "old@example.com", cnd_actinact_flg="C1IN"),
            detail(2, ADA, "EMAIL", "ada@example.com"),
            detail(3, ADA, "HOMEPHONE", "(585) 555-0101 ext. 7"),
            detail(4, ADA, "CELLPHONE", "+44 20 7946 0001"),
            detail(5, BEN, "EMAIL", "ben@@example.com"),
            detail(6, BEN, "HOMEPHONE", "555-0102"),
            detail(7, BEN, "PIGEON", "x"),
        ),
    )
    s.load(
        "ccb_prem",
        rows(
            {"prem_id": HOUSE, "address1": "1 Invented Way  ", "address2": "    ", "postal": "00501"},
            {"prem_id": OTHER_HOUSE, "address1": "2 Invented Way", "city": "Nowhere", "country": "USA"},
        ),
    )


def _accounts(s: Scratch) -> None:
    s.load(
        "ccb_acct",
        rows(
            account(HOME, bill_rte_type_cd="EMAIL   ", setup_dt=date(2020, 1, 2), mailing_prem_id=OTHER_HOUSE),
            account(SHARED),
            account(NOBODYS),
            account(ODDS),
            account(SHOP, cust_cl_cd="ZZZ     "),
            account(OLD, cust_cl_cd="COM     ", bill_cyc_cd="    "),
            account(NAMELESS_HOME),
        ),
    )
    s.load(
        "ccb_acct_per",
        rows(
            role(HOME, ADA),
            role(HOME, BEN, "N", "COTENANT"),
            role(HOME, WORKS, "N", None, fin_resp_sw="N"),
            role(SHARED, ADA),
            role(SHARED, BEN),
            role(SHARED, WORKS, "N", "THIRDPTY"),
            role(NOBODYS, BEN, "N", "COTENANT"),
            role(ODDS, ODD),
            role(SHOP, WORKS),
            role(OLD, WORKS),
            role(OLD, BEN, "N", "FRIEND  "),
            role(NAMELESS_HOME, NAMELESS),
            role("0000000099", BEN, "N", "COTENANT"),
        ),
    )
    s.load(
        "ccb_acct_apay",
        rows(
            {"acct_apay_id": "Y1", "acct_id": HOME, "start_dt": date(2025, 1, 1), "end_dt": TODAY},
            {"acct_apay_id": "Y2", "acct_id": OLD, "start_dt": date(2025, 1, 1), "end_dt": date(2026, 3, 8)},
        ),
    )
    s.load(
        "ccb_sa_type",
        rows(
            {"cis_division": "N", "sa_type_cd": "E", "svc_type_cd": "E "},
            {"cis_division": "N", "sa_type_cd": "G", "svc_type_cd": "G "},
            {"cis_division": "N", "sa_type_cd": "DEP", "svc_type_cd": "E ", "special_role_flg": "CD"},
        ),
    )
    s.load(
        "ccb_sa",
        rows(
            agreement(POWER, HOME, "E", "50"),
            agreement(GAS, HOME, "G", "20"),
            agreement(DEPOSIT, HOME, "DEP", "20"),
            agreement(ENDING, SHOP, "E", "30"),
            agreement("0000000045", OLD, "E", "60"),
            agreement("0000000046", OLD, "DEP", "20"),
        ),
    )
    begun = {"start_dttm": datetime(2024, 1, 5, 5)}  # noqa: DTZ001
    s.load(
        "ccb_sa_sp",
        rows(
            begun | {"sa_sp_id": "L1", "sa_id": POWER, "sp_id": SOLAR_POINT},
            begun | {"sa_sp_id": "L2", "sa_id": GAS, "sp_id": GAS_POINT},
            begun | {"sa_sp_id": "L3", "sa_id": ENDING, "sp_id": SHOP_POINT},
            begun | {"sa_sp_id": "L4", "sa_id": "0000000045", "sp_id": SHOP_POINT},
        ),
    )
    s.load(
        "ccb_sp",
        rows(
            *(
                {"sp_id": point, "prem_id": HOUSE, "sp_type_cd": kind, "sp_src_status_flg": "C "}
                for point, kind in ((SOLAR_POINT, "E-SOL   "), (GAS_POINT, "G-RES   "), (SHOP_POINT, "E-COM   "))
            )
        ),
    )


def _bills(s: Scratch) -> None:
    s.load(
        "ccb_bill",
        rows(
            bill("B1", due_dt=date(2026, 2, 26)),
            bill("B2", day=date(2026, 3, 5), due_dt=date(2026, 3, 26)),  # not due yet
            bill("BACK", day=date(2025, 3, 1), due_dt=date(2025, 3, 22)),  # the first day of the window; reversed
            bill("BOLD", day=date(2025, 2, 28), due_dt=date(2025, 3, 21)),  # the day before the window
            bill("BPEND", bill_stat_flg="P "),
            bill("BODD", bill_stat_flg="Z "),
            bill("BSUM", OLD),  # transactions and segments do not add up
            bill("BLATE", OLD),  # a frozen segment whose transaction has not come
            bill("BORPHAN", ODDS),
        ),
    )
    s.load(
        "ccb_bseg",
        rows(
            segment("G1", "B1", POWER, est_sw="Y"),
            segment("G2", "B1", GAS, "60  ", end_dt=date(2026, 2, 9)),
            segment("G3", "B1", GAS),
            segment("G4", "B1", DEPOSIT),
            segment("G5", "B1", POWER, "20  ", est_sw="Y", start_dt=date(2025, 12, 1)),  # an error, made again
            segment("G6", "B2", POWER, start_dt=date(2026, 2, 5), end_dt=date(2026, 3, 5)),
            segment("G7", "BACK", POWER, "60  "),
            segment("G8", "BSUM", "0000000045"),
            segment("G9", "BLATE", "0000000045"),
            segment("GX", "BOLD", POWER),
            segment("GY", "BORPHAN", "0000000098"),  # of an agreement nobody sent
            segment("GZ", "BORPHAN", "0000000098", "99  "),
        ),
    )
    s.load(
        "ccb_bseg_sq",
        rows(
            {"bseg_id": "G1", "uom_cd": "KWH ", "bill_sq": "410.5"},
            {"bseg_id": "G1", "uom_cd": "KWH ", "tou_cd": "ONPK    ", "bill_sq": "164.2"},
            {"bseg_id": "G1", "uom_cd": "KWH ", "sqi_cd": "RECEIVED", "bill_sq": "80"},
            {"bseg_id": "G1", "uom_cd": "KW  ", "bill_sq": "4.2"},
            {"bseg_id": "G2", "uom_cd": "CCF ", "bill_sq": "99"},
            {"bseg_id": "G3", "uom_cd": "CCF ", "bill_sq": "31"},
            {"bseg_id": "G3", "uom_cd": "THRM", "bill_sq": "32.1"},
            {"bseg_id": "GY", "uom_cd": "MWH ", "bill_sq": "1"},
        ),
    )
    old = {"ars_dt": date(2025, 2, 28), "accounting_dt": date(2025, 2, 28)}
    march = {"ars_dt": date(2026, 3, 5), "accounting_dt": date(2026, 3, 5)}
    taken_back = {"ars_dt": date(2025, 3, 1), "accounting_dt": date(2025, 3, 1)}
    shop = {"sa_id": "0000000045"}
    s.load(
        "ccb_ft",
        rows(
            money(1, "BS", "BOLD", "GX", "30.00", **old),
            money(2, "BS", "BACK", "G7", "12.00", **taken_back),
            money(3, "BX", "BACK", "G7", "-12.00", **taken_back),
            money(4, "BS", "B1", "G1", "60.00", "80.10", bill_id="B1"),  # budget billed: 60 asked for, 80.10 used
            money(5, "BS", "B1", "G2", "40.00", sa_id=GAS, bill_id="B1"),
            money(6, "BX", "B1", "G2", "-40.00", sa_id=GAS, bill_id="B2"),  # taken back later, and printed on B2
            money(7, "BS", "B1", "G3", "35.25", sa_id=GAS, bill_id="B2"),
            money(8, "BS", "B1", "G4", "100.00", "0.00", sa_id=DEPOSIT, bill_id="B1"),
            money(9, "BS", "B1", "G1", "7.77", freeze_sw="N"),
            money(10, "AD", "LATEFEE", "J1", "5.00", bill_id="B1"),
            money(11, "AD", "LATEFEE", "J2", "2.00", redundant_sw="Y", not_in_ars_sw="Y"),
            money(12, "AD", "MEMO", "J3", "11.00", not_in_ars_sw="Y"),
            money(13, "BS", "B2", "G6", "50.00", bill_id="B2", **march),
            money(14, "PS", "P1", "D1", "-90.00", **(march | {"accounting_dt": date(2026, 3, 1)})),
            money(15, "PS", "P2", "D2", "-20.00", **march),
            money(16, "PX", "P2", "D2", "20.00", **march),
            money(17, "BS", "BSUM", "G8", "20.00", **shop),
            money(18, "BS", "BSUM", "G0", "3.00", **shop),  # of a segment nobody sent
            money(19, "BS", "BORPHAN", "GY", "1.00", sa_id="0000000098"),
        ),
    )
    paid = {"acct_id": HOME, "pay_dt": date(2026, 3, 1), "pay_amt": "90.00", "pay_status_flg": "50  "}
    s.load(
        "ccb_pay",
        rows(
            paid | {"pay_id": "P1"},
            paid | {"pay_id": "P2", "pay_dt": date(2026, 3, 5), "pay_amt": "20.00", "pay_status_flg": "60  "},
            paid | {"pay_id": "P3", "pay_dt": date(2026, 3, 8), "pay_status_flg": "30  "},
            paid | {"pay_id": "P4", "pay_status_flg": "77  "},
            paid | {"pay_id": "P5", "pay_status_flg": "    "},
            paid | {"pay_id": "P6", "pay_dt": date(2025, 2, 28)},
            paid | {"pay_id": "P7", "acct_id": ODDS},
        ),
    )


def listed(world: Scratch, columns: str, mart: str, where: str = "true") -> list[tuple[Any, ...]]:
    sql = f"select {columns} from marts.{mart} where {where} order by all"
    return [tuple(row.values()) for row in world.rows(sql)]


def findings(world: Scratch, *external_ids: str) -> set[tuple[Any, ...]]:
    """Return (code, field, detail, whether it blocks) of what was found at these rows."""
    found = listed(world, "external_id, finding_code, field_name, detail, is_blocking", "crm_quarantine")
    return {row[1:] for row in found if row[0] in external_ids}


def test_a_person_is_split_at_the_first_comma_and_a_company_is_not(world: Scratch) -> None:
    assert listed(world, "native_id, party_type, party_name, first_name, last_name", "crm_party") == [
        (ADA, "person", "Ada Maria, the Third Testperson", "Ada Maria, the Third", "Testperson"),
        (BEN, "person", "Mononym", None, "Mononym"),
        (WORKS, "organisation", "Invented Works, Ltd", None, None),
        ("UTILITY", "organisation", "The utility", None, None),
    ]


def test_each_natural_person_is_a_contact(world: Scratch) -> None:
    assert listed(world, "contact_key, party_key, first_name, last_name, email", "crm_contact") == [
        (f"CCB|PERC|{ADA}", f"CCB|PER|{ADA}", "Ada Maria, the Third", "Testperson", "ada@example.com"),
        (f"CCB|PERC|{BEN}", f"CCB|PER|{BEN}", None, "Mononym", None),
    ]


def test_only_good_addresses_and_numbers_go_out_and_the_others_are_reported(world: Scratch) -> None:
    assert listed(world, "native_id, email, phone, mobile", "crm_party", "source_system = 'CCB'") == [
        (ADA, "ada@example.com", "+15855550101", "+442079460001"),
        (BEN, None, None, None),
        (WORKS, None, None, None),
    ]
    assert findings(world, f"CCB|PER|{BEN}") == {
        ("party.email_invalid", "email", None, False),
        ("party.phone_invalid", "phone", None, False),
        ("party.unknown_code", "contact_route", "PIGEON", False),
    }


def test_life_support_is_true_or_not_known_and_never_false(world: Scratch) -> None:
    known = listed(world, "native_id, has_life_support", "crm_party")
    assert known == [(ADA, True), (BEN, None), (WORKS, None), ("UTILITY", None)]


def test_mail_goes_where_the_first_live_account_sends_it(world: Scratch) -> None:
    """Ada's home is her only account: of those she shares with another main customer none is hers."""
    columns = "native_id, mailing_street, mailing_unit, mailing_city, mailing_postal_code, mailing_country"
    assert listed(world, columns, "crm_party", "source_system = 'CCB'") == [
        (ADA, "2 Invented Way", None, "Nowhere", None, "US"),
        (BEN, None, None, None, None, None),
        (WORKS, "1 Invented Way", None, None, "00501", None),
    ]


def test_an_account_says_who_pays_and_how(world: Scratch) -> None:
    columns = """native_id, account_name, party_key, customer_class, bill_cycle_code, bill_frequency,
                 bill_delivery_method, is_autopay, currency_code, set_up_date"""
    assert listed(world, columns, "crm_billing_account") == [
        (HOME, f"{HOME} Ada Maria, the Third Testperson", f"CCB|PER|{ADA}", "residential", "03", "monthly", "ebill",
         True, "USD", date(2020, 1, 2)),
        (OLD, f"{OLD} Invented Works, Ltd", f"CCB|PER|{WORKS}", "commercial", None, None, None, False, "USD", None),
    ]  # fmt: skip


def test_mistake_09_active_is_20_30_50(world: Scratch) -> None:
    """Home has a reactivated agreement (50), the shop one about to stop (30); a live deposit makes no customer."""
    states = "select native_id, account_status from intermediate.int_canonical__billing_accounts order by 1"
    assert {row["native_id"]: row["account_status"] for row in world.rows(states)} == {
        HOME: "active", SHARED: "inactive", NOBODYS: "inactive", ODDS: "inactive", SHOP: "active", OLD: "inactive",
        NAMELESS_HOME: "inactive",
    }  # fmt: skip


def test_business_units_are_those_of_the_points_served_now(world: Scratch) -> None:
    assert listed(world, "native_id, is_electric, is_gas, is_renewables, business_units", "crm_billing_account") == [
        (HOME, True, True, True, "electric;gas;renewables"),
        (OLD, False, False, False, None),
    ]


def test_mistake_13_blanks_are_null(world: Scratch) -> None:
    """An empty CHAR is a run of blanks: no language, no class of ' ', no flat of ' ', no unknown code of ' '."""
    assert listed(world, "language_code", "crm_party", f"native_id = '{BEN}'") == [(None,)]
    assert listed(world, "mailing_unit", "crm_party", f"native_id = '{WORKS}'") == [(None,)]
    assert listed(world, "bill_frequency", "crm_billing_account", f"native_id = '{OLD}'") == [(None,)]
    assert not [f for f in listed(world, "detail", "crm_quarantine") if f[0] is not None and not f[0].strip()]


def test_mistake_24_unknown_codes_are_quarantined(world: Scratch) -> None:
    """Named with field and code, kept back, and never called something else."""
    assert findings(world, f"CCB|PER|{ODD}") == {("party.unknown_code", "language_code", "XX", True)}
    assert findings(world, f"CCB|ACCT|{SHOP}") == {("billing_account.unknown_code", "customer_class", "ZZZ", True)}
    assert findings(world, f"CCB|AP|{OLD}|{BEN}") == {("account_role.unknown_code", "role", "FRIEND", True)}
    assert findings(world, "CCB|BILL|BODD") == {("bill.unknown_code", "bill_status", "Z", True)}
    assert findings(world, "CCB|PAY|P4") == {("payment.unknown_code", "payment_status", "77", True)}
    assert listed(world, "native_id", "crm_party", f"native_id = '{ODD}'") == []


def test_a_name_is_required(world: Scratch) -> None:
    assert findings(world, f"CCB|PER|{NAMELESS}", f"CCB|PERC|{NAMELESS}", f"CCB|ACCT|{NAMELESS_HOME}") == {
        ("party.required_missing", "party_name", None, True),
        ("contact.required_missing", "last_name", None, True),
        ("contact.orphan", "party_key", f"CCB|PER|{NAMELESS}", True),
        ("billing_account.orphan", "party_key", f"CCB|PER|{NAMELESS}", True),
    }


def test_two_main_customers_or_none_keep_an_account_back(world: Scratch) -> None:
    """None of those who claim it is believed, and nobody else's role in it can stand."""
    count = "billing_account.main_customer_count"
    assert findings(world, f"CCB|ACCT|{SHARED}") == {(count, "party_key", "2", True)}
    assert findings(world, f"CCB|ACCT|{NOBODYS}") == {(count, "party_key", "0", True)}
    orphan = ("account_role.orphan", "billing_account_key", f"CCB|ACCT|{SHARED}", True)
    for claims in (ADA, BEN):
        claim = ("account_role.main_customer_count", "is_main", "2", True)
        assert findings(world, f"CCB|AP|{SHARED}|{claims}") == {claim, orphan}
    assert findings(world, f"CCB|AP|{SHARED}|{WORKS}") == {orphan}


def test_roles_follow_the_main_customer_then_the_list_then_who_pays(world: Scratch) -> None:
    assert listed(world, "account_role_key, role, is_main, contact_key", "crm_account_role") == [
        (f"CCB|AP|{HOME}|{ADA}", "financially_responsible", True, f"CCB|PERC|{ADA}"),
        (f"CCB|AP|{HOME}|{BEN}", "authorised", False, f"CCB|PERC|{BEN}"),
        (f"CCB|AP|{HOME}|{WORKS}", "interested", False, None),
        (f"CCB|AP|{OLD}|{WORKS}", "financially_responsible", True, None),
    ]
    assert findings(world, f"CCB|AP|0000000099|{BEN}") == {
        ("account_role.orphan", "billing_account_key", "CCB|ACCT|0000000099", True)
    }


def test_orphans_are_found_in_load_order(world: Scratch) -> None:
    """The unknown language of a person keeps back the contact, the account, its role, its bill and its payment."""
    account_gone = f"CCB|ACCT|{ODDS}"
    assert findings(world, f"CCB|PERC|{ODD}") == {("contact.orphan", "party_key", f"CCB|PER|{ODD}", True)}
    assert findings(world, account_gone) == {("billing_account.orphan", "party_key", f"CCB|PER|{ODD}", True)}
    assert findings(world, "CCB|BILL|BORPHAN") == {
        ("bill.orphan", "billing_account_key", account_gone, True),
        ("bill.unknown_code", "bill_segment_status", "99", True),
    }
    assert findings(world, "CCB|PAY|P7") == {("payment.orphan", "billing_account_key", account_gone, True)}


def test_mistake_08_bill_amount_is_frozen_bs_bx_by_parent(world: Scratch) -> None:
    """B1 is 60 + 40 - 40 + 35.25 + 100; by the bill they were printed on it would be 60 + 40 + 100 + a fee."""
    columns = "native_id, current_charges_usd, bill_status, is_estimated, is_rebill, period_start_date, period_end_date"
    assert listed(world, columns, "crm_bill") == [
        ("B1", Decimal("195.25"), "issued", True, True, date(2026, 1, 5), date(2026, 2, 4)),
        ("B2", Decimal("50.00"), "issued", False, False, date(2026, 2, 5), date(2026, 3, 4)),
        ("BACK", Decimal("0.00"), "reversed", False, False, date(2026, 1, 5), date(2026, 2, 4)),
    ]


def test_mistake_12_only_the_main_unit_without_time_of_use_is_usage(world: Scratch) -> None:
    """Power: 410.5 kWh, not with what was used on peak, given back or drawn at once. Gas: 31 ccf, not in therms too."""
    columns = "bill_service_key, usage_quantity, usage_unit, days, amount_usd, is_estimated"
    assert listed(world, columns, "crm_bill_service") == [
        (f"CCB|BSA|B1|{POWER}", Decimal("410.5"), "kWh", 31, Decimal("60.00"), True),
        (f"CCB|BSA|B1|{GAS}", Decimal("31"), "ccf", 31, Decimal("35.25"), False),
        (f"CCB|BSA|B2|{POWER}", None, None, 28, Decimal("50.00"), False),
        (f"CCB|BSA|BACK|{POWER}", None, None, 31, Decimal("0.00"), False),
    ]


def test_a_deposit_counts_in_its_bill_and_is_no_service_of_it(world: Scratch) -> None:
    """Left out by the rule that leaves its agreement out: neither delivered nor quarantined."""
    deposit = f"CCB|BSA|B1|{DEPOSIT}"
    assert listed(world, "bill_key", "crm_bill_service", f"bill_service_key = '{deposit}'") == []
    assert findings(world, deposit) == set()


def test_services_of_a_bill_that_waits_wait_too(world: Scratch) -> None:
    lacks = ("bill_service.orphan", "bill_key", "CCB|BILL|BSUM", True)
    assert findings(world, "CCB|BSA|BSUM|0000000045") == {lacks}
    assert findings(world, "CCB|BSA|BLATE|0000000045") == {
        ("bill_service.orphan", "bill_key", "CCB|BILL|BLATE", True),
        ("bill_service.required_missing", "amount_usd", None, True),
    }
    assert findings(world, "CCB|BSA|BORPHAN|0000000098") == {
        ("bill_service.orphan", "bill_key", "CCB|BILL|BORPHAN", True),
        ("bill_service.orphan", "service_agreement_key", "CCB|SA|0000000098", True),
        ("bill_service.unknown_code", "bill_segment_status", "99", True),
        ("bill_service.unknown_code", "usage_unit", "MWH", True),
    }


def test_amount_due_is_the_balance_when_the_bill_was_completed(world: Scratch) -> None:
    """BACK: 30 from before, 12 taken back. B1: 30 + 195.25 + 5 + 11. B2: what B1 left, 50 more, 90 paid."""
    assert listed(world, "native_id, amount_due_usd", "crm_bill") == [
        ("B1", Decimal("241.25")),
        ("B2", Decimal("201.25")),
        ("BACK", Decimal("30.00")),
    ]


def test_a_bill_that_does_not_add_up_waits_and_the_others_stand(world: Scratch) -> None:
    assert findings(world, "CCB|BILL|BSUM") == {("bill.amount_mismatch", "current_charges_usd", None, True)}
    assert findings(world, "CCB|BILL|BLATE") == {("bill.amount_mismatch", "amount_usd", None, True)}
    assert listed(world, "native_id", "crm_bill", f"billing_account_key = 'CCB|ACCT|{OLD}'") == []


def test_a_balance_is_what_is_frozen_and_not_redundant(world: Scratch) -> None:
    """Owed: 30 + 195.25 + 5 + 11 + 50 - 90. To pay off: 20.10 more for the budget, 100 less for the deposit."""
    columns = "native_id, balance_amount_usd, payoff_balance_usd, balance_as_of"
    assert listed(world, columns, "crm_billing_account") == [
        (HOME, Decimal("201.25"), Decimal("121.35"), TODAY),
        (OLD, Decimal("23.00"), Decimal("23.00"), TODAY),
    ]


def test_credits_retire_the_oldest_charge_first(world: Scratch) -> None:
    """Due before today: 30, B1's 195.25 and its fee of 5; 90 were paid. B2 is not due, the memo is not in arrears."""
    assert listed(world, "native_id, overdue_amount_usd", "crm_billing_account") == [
        (HOME, Decimal("140.25")),
        (OLD, Decimal("23.00")),
    ]


def test_payments_are_posted_or_cancelled_and_the_newest_posted_one_is_the_last(world: Scratch) -> None:
    """One in the making is none yet, one older than twelve months is not delivered."""
    assert listed(world, "native_id, payment_date, payment_amount_usd, payment_status", "crm_payment") == [
        ("P1", date(2026, 3, 1), Decimal("90.00"), "posted"),
        ("P2", date(2026, 3, 5), Decimal("20.00"), "cancelled"),
    ]
    assert findings(world, "CCB|PAY|P5") == {("payment.required_missing", "payment_status", None, True)}
    last = listed(world, "native_id, last_payment_date, last_payment_amount_usd", "crm_billing_account")
    assert last == [(HOME, date(2026, 3, 1), Decimal("90.00")), (OLD, None, None)]


def test_every_key_is_the_native_one_at_full_width(world: Scratch) -> None:
    assert listed(world, "party_key", "crm_party", f"native_id = '{ADA}'") == [(f"CCB|PER|{ADA}",)]
    assert listed(world, "billing_account_key", "crm_billing_account", f"native_id = '{HOME}'") == [
        (f"CCB|ACCT|{HOME}",)
    ]


def test_a_night_later_the_due_bill_is_overdue_though_no_file_came(world: Scratch) -> None:
    """The window, what is overdue and automatic payment follow the business date."""
    accounts = ("int_canonical__billing_accounts", "crm_billing_account")
    dated = (*accounts, "int_ccb__canonical_bills", "int_canonical__bills", "crm_bill")
    world.as_of(date(2026, 4, 1))
    try:
        world.build(*dated)
        columns = "native_id, overdue_amount_usd, is_autopay, balance_as_of"
        assert listed(world, columns, "crm_billing_account", f"native_id = '{HOME}'") == [
            (HOME, Decimal("190.25"), False, date(2026, 4, 1))
        ]
        assert listed(world, "native_id", "crm_bill") == [("B1",), ("B2",)]
    finally:
        world.as_of(TODAY)
        world.build(*dated)
