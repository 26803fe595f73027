"""SAP IS-U, from rows as the extracts bring them to the customer picture: a world small enough to work out by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from tests.dbt.sap_rows import sap
from tests.dbt.scratch import Scratch

OPEN, NONE = "99991231", "00000000"
ADA, BEN, MILL, NOBODY = "0000000011", "0000000012", "0000000013", "0000000019"
HOME, SHOP, DOUBLE, MISTAKE = "000000000021", "000000000022", "000000000023", "000000000029"
POWER, GAS, SOLAR, GONE = "0000000041", "0000000042", "0000000043", "0000000049"
HOUSE = "000000000000000000000000000031"


@pytest.fixture(scope="module")
def world(session_scratch: Scratch) -> Scratch:
    """Ada at home with power and gas, Ben's former gas, a mill with solar; mistakes of all kinds."""
    s = session_scratch
    s.reset()
    _partners(s)
    _places(s)
    _contracts(s)
    _money(s)
    s.build("+path:models/intermediate/isu", full=True)
    return s


def _partners(s: Scratch) -> None:
    s.load(
        "isu_but000",
        sap(
            {"partner": ADA, "type": "1", "name_first": "Ada", "name_last": "Testperson", "bu_langu": "E"},
            {"partner": BEN, "type": "1", "name_last": "Testmann", "bu_langu": "S", "zzlifesupp": "X", "xblck": "X"},
            {"partner": MILL, "type": "2", "name_org1": "Invented", "name_org2": "Mill LLC", "bu_langu": "Q"},
        ),
    )
    s.load(
        "isu_but020",
        sap(
            {"partner": ADA, "addrnumber": "A2", "xdfadr": ""},
            {"partner": ADA, "addrnumber": "A3", "xdfadr": "X"},
            {"partner": MILL, "addrnumber": "A4", "xdfadr": "X"},
        ),
    )
    street = {"street": "Invented Way", "city1": "Nowhere", "post_code1": "00501", "region": "NY", "country": "US"}
    s.load(
        "isu_adrc",
        sap(
            street | {"addrnumber": "A2", "date_from": "00010101", "house_num1": "2"},
            street | {"addrnumber": "A3", "date_from": "00010101", "house_num1": "3"},
            street | {"addrnumber": "A3", "date_from": "20260301", "house_num1": "33", "house_num2": "Apt 3"},
            street | {"addrnumber": "A3", "date_from": "20260401", "house_num1": "333"},
            street | {"addrnumber": "A9", "date_from": NONE, "house_num1": "9"},
        ),
    )
    s.load(
        "isu_adr2",
        sap(
            {"addrnumber": "A3", "consnumber": "001", "tel_number": "555-0101", "r3_user": "1"},
            {"addrnumber": "A3", "consnumber": "002", "tel_number": "555-0102", "r3_user": "1", "flgdefault": "X"},
            {"addrnumber": "A3", "consnumber": "003", "tel_number": "555-0103", "r3_user": "3"},
            {"addrnumber": "A4", "consnumber": "001", "tel_number": "555-0104", "r3_user": "8"},
        ),
    )
    s.load("isu_adr6", sap({"addrnumber": "A3", "consnumber": "001", "smtp_addr": "ada@example.com"}))
    s.load(
        "isu_fkkvk",
        sap(
            *({"vkont": a, "vktyp": "01", "erdat": "20240105"} for a in (HOME, SHOP, DOUBLE)),
            {"vkont": MISTAKE, "vktyp": "01", "erdat": "20240105", "loevm": "X"},
        ),
    )
    terms = {"vkpbz": "01", "ktokl": "RES", "waers": "USD"}
    s.load(
        "isu_fkkvkp",
        sap(
            terms | {"vkont": HOME, "gpart": ADA, "ezawe": "D", "sendcontrol_rh": "MAIL"},
            terms | {"vkont": HOME, "gpart": BEN, "vkpbz": "02", "ktokl": "COM"},
            terms | {"vkont": SHOP, "gpart": MILL, "ktokl": "ZZ"},
            terms | {"vkont": DOUBLE, "gpart": ADA},
            terms | {"vkont": DOUBLE, "gpart": BEN},
            terms | {"vkont": DOUBLE, "gpart": NOBODY, "vkpbz": "77"},
            terms | {"vkont": MISTAKE, "gpart": ADA},
        ),
    )


def _places(s: Scratch) -> None:
    s.load("isu_ehauisu", sap({"haus": HOUSE}))
    s.load("isu_iflot", sap({"tplnr": HOUSE, "iloan": "L1", "pltxt": "a house"}))
    s.load("isu_iloa", sap({"iloan": "L1", "adrnr": "A9"}))
    s.load(
        "isu_evbs",
        sap(
            {"vstelle": "P1", "haus": HOUSE, "vbsart": "RES", "lgzusatz": "Apt 1"},
            {"vstelle": "P2", "haus": HOUSE, "vbsart": "BARN"},
        ),
    )
    s.load(
        "isu_eanl",
        sap(
            {"anlage": POWER, "vstelle": "P1", "sparte": "01", "anlart": "ERES"},
            {"anlage": GAS, "vstelle": "P1", "sparte": "02", "anlart": "GRES", "zzdisconn": "X"},
            {"anlage": SOLAR, "vstelle": "P2", "sparte": "01", "anlart": "ESOL"},
            {"anlage": GONE, "vstelle": "P2", "sparte": "09", "anlart": "GRES", "loevm": "X", "zzdisconn": "X"},
        ),
    )
    s.load(
        "isu_eanlh",
        sap(
            {"anlage": POWER, "ab": "20240101", "bis": "20251231", "tariftyp": "E_RES_1", "ableinh": "07"},
            {"anlage": POWER, "ab": "20260101", "bis": OPEN, "tariftyp": "E_RES_2", "ableinh": "08"},
            {"anlage": GAS, "ab": "20240201", "bis": "20251231", "tariftyp": "G_RES_1", "ableinh": "07"},
            {"anlage": GAS, "ab": "20260101", "bis": OPEN, "tariftyp": "G_RES_2", "ableinh": "07"},
            {"anlage": SOLAR, "ab": "20240301", "bis": OPEN, "tariftyp": "E_COM_1", "ableinh": "ZZ"},
        ),
    )
    s.load(
        "isu_euiinstln",
        sap(
            {"anlage": POWER, "int_ui": "U1", "datefrom": "20240101", "dateto": "20260131"},
            {"anlage": POWER, "int_ui": "U2", "datefrom": "20260201", "dateto": OPEN},
            {"anlage": SOLAR, "int_ui": "U2", "datefrom": "20240301", "dateto": OPEN},
        ),
    )
    s.load(
        "isu_euitrans",
        sap(
            {"int_ui": "U1", "datefrom": "20240101", "dateto": OPEN, "ext_ui": "NY1"},
            {"int_ui": "U2", "datefrom": "20240101", "dateto": "20260308", "ext_ui": "NY2-OLD"},
            {"int_ui": "U2", "datefrom": "20260309", "dateto": OPEN, "ext_ui": "NY2"},
        ),
    )
    s.load("isu_equi", sap(*({"equnr": f"E{n}", "sernr": f"00{n}", "matnr": "EAMI15"} for n in (1, 2, 3))))
    installed = {"einbdat": "20240101", "ab": "20240101"}
    s.load(
        "isu_egerh",
        sap(
            installed | {"equnr": "E1", "bis": "20260131", "logiknr": "G1", "ausbdat": "20260201"},
            installed | {"equnr": "E1", "bis": OPEN, "ab": "20260201", "ausbdat": "20260201"},
            {"equnr": "E2", "bis": "20260131", "ab": "20260115", "einbdat": NONE, "ausbdat": NONE},
            {"equnr": "E2", "bis": OPEN, "ab": "20260201", "logiknr": "G2", "einbdat": "20260201", "ausbdat": OPEN},
            {"equnr": "E3", "bis": OPEN, "ab": "20260115", "einbdat": NONE, "ausbdat": NONE},
        ),
    )
    s.load(
        "isu_eastl",
        sap(
            {"anlage": POWER, "logiknr": "G1", "ab": "20240101", "bis": "20260131"},
            {"anlage": POWER, "logiknr": "G2", "ab": "20260201", "bis": OPEN},
        ),
    )
    s.load(
        "isu_etdz",
        sap({"equnr": "E2", "zwnummer": "001", "ab": "20260115", "bis": OPEN, "zwfakt": Decimal("40.00000")}),
    )


def _contracts(s: Scratch) -> None:
    lasting = {"auszdat": OPEN, "vbeginn": "20230101"}
    s.load(
        "isu_ever",
        sap(
            lasting | {"vertrag": "C1", "anlage": POWER, "vkonto": HOME, "sparte": "01", "einzdat": "20240110"},
            lasting | {"vertrag": "C2", "anlage": GAS, "vkonto": HOME, "sparte": "02", "einzdat": "20260310"},
            {
                "vertrag": "C3",
                "anlage": GAS,
                "vkonto": DOUBLE,
                "sparte": "02",
                "einzdat": "20240110",
                "auszdat": "20251231",
            },
            lasting | {"vertrag": "C4", "anlage": SOLAR, "vkonto": SHOP, "sparte": "01", "einzdat": "20260309"},
            lasting
            | {
                "vertrag": "C5",
                "anlage": POWER,
                "vkonto": HOME,
                "sparte": "01",
                "einzdat": "20240110",
                "auszdat": NONE,
            },
            lasting | {"vertrag": "C6", "anlage": POWER, "vkonto": HOME, "sparte": "01", "einzdat": NONE},
            lasting | {"vertrag": "C7", "anlage": "A0", "vkonto": DOUBLE, "sparte": "09", "einzdat": "20250230"},
            lasting
            | {
                "vertrag": "C8",
                "anlage": POWER,
                "vkonto": MISTAKE,
                "sparte": "01",
                "einzdat": "20240110",
                "loevm": "X",
            },
        ),
    )


def _money(s: Scratch) -> None:
    s.load(
        "isu_erch",
        sap(
            *(
                {"belnr": b, "vertrag": c, "begabrpe": "20260115", "endabrpe": "20260214", "stornodat": reversed_on}
                for b, c, reversed_on in (
                    ("D1", "C1", "20260220"),  # rebilled by D2
                    ("D2", "C1", NONE),
                    ("D3", "C2", NONE),
                    ("D5", "C1", "20260220"),
                )
            ),
            {"belnr": "D4", "vertrag": "C1", "simulation": "X", "begabrpe": "20200101", "endabrpe": "20301231"},
        ),
    )
    kwh, ccf = {"massbill": "KWH"}, {"massbill": "CCF"}
    s.load(
        "isu_dberchz1",
        sap(
            kwh | {"belnr": "D1", "belzeile": "1", "belzart": "ZENERG", "v_abrmenge": 999},
            kwh | {"belnr": "D2", "belzeile": "1", "belzart": "ZENERG", "v_abrmenge": 400, "n_abrmenge": "0.5"},
            kwh | {"belnr": "D2", "belzeile": "2", "belzart": "ZENERG", "v_abrmenge": 10, "n_abrmenge": "0.25"},
            kwh | {"belnr": "D2", "belzeile": "3", "belzart": "ZDEMND", "v_abrmenge": 7},
            ccf | {"belnr": "D3", "belzeile": "1", "belzart": "ZENERG", "v_abrmenge": 31},
            ccf | {"belnr": "D3", "belzeile": "2", "belzart": "NEVER SEEN", "v_abrmenge": 5},
            kwh | {"belnr": "D4", "belzeile": "1", "belzart": "ZENERG", "v_abrmenge": 5000},
        ),
    )
    s.load("isu_eabl", sap({"ablbelnr": "R1", "schaever": "01"}, {"ablbelnr": "R2", "schaever": ""}))
    reading = {"belzeile": "1"}
    s.load(
        "isu_dberchz2",
        sap(
            reading | {"belnr": "D1", "ablbelnr": "R1"},  # estimated, but reversed
            reading | {"belnr": "D2", "ablbelnr": "R2"},
            reading | {"belnr": "D3", "ablbelnr": "R1"},
        ),
    )
    printed = {"billdocline": "1"}
    s.load(
        "isu_dberdlb",
        sap(
            *(printed | {"printdoc": "B1", "billdoc": d} for d in ("D1", "D2", "D3", "D4")),
            printed | {"printdoc": "B1", "billdoc": "D2", "billdocline": "2"},
            printed | {"printdoc": "B2", "billdoc": "D5"},
        ),
    )
    bill = {"vkont": HOME, "total_waer": "USD", "invoiced": "X", "bldat": "20260216", "faedn": "20260308"}
    s.load(
        "isu_erdk",
        sap(
            bill | {"opbel": "B1", "total_amnt": "95.35"},
            bill | {"opbel": "B2", "total_amnt": "40.00", "stokz": "X", "intopbel": "B3", "faedn": NONE},
            bill | {"opbel": "B3", "total_amnt": "-40.00"},  # the document that reverses B2
            bill | {"opbel": "B4", "simulated": "X"},
            bill | {"opbel": "B5", "invoiced": ""},
            bill | {"opbel": "B6", "tobreleasd": "X"},
            bill | {"opbel": "B7", "bldat": "20250228"},
            bill | {"opbel": "B8", "bldat": "20250301"},
        ),
    )

    def line(opbel: str, number: int, contract: str | None, amount: str, side: str) -> dict[str, Any]:
        return {"opbel": opbel, "belzeile": str(number), "vertrag": contract, "betrw": amount, "shkzg": side}

    s.load(
        "isu_erdz",
        sap(
            line("B1", 1, "C1", "60.00", "S"),
            line("B1", 2, "C1", "60.00", "H"),
            line("B1", 3, "C1", "62.10", "S"),
            line("B1", 4, "C2", "35.25", "S"),
            line("B1", 5, "C2", "2.00", "H"),
            line("B1", 6, None, "-7.00", ""),  # of no contract
            line("B2", 1, "C1", "40.00", "S"),
        ),
    )
    s.load(
        "isu_dfkkko",
        sap(
            {"opbel": "M1", "blart": "ZA", "budat": "20260301"},
            {"opbel": "M2", "blart": "ZA", "budat": "20260302", "stblk": "M9"},
            {"opbel": "M3", "blart": "??", "budat": "20260303"},
            {"opbel": "M4", "blart": "FA", "budat": "20260216"},
            {"opbel": "M5", "blart": "ZA", "budat": "20250228"},
        ),
    )

    def item(opbel: str, amount: str, due: str, account: str = HOME, **more: str) -> dict[str, Any]:
        key = {"opbel": opbel, "opupw": "000", "opupk": "0001", "opupz": "0000"}
        return key | {"vkont": account, "betrw": amount, "faedn": due, "budat": "20260216"} | more

    s.load(
        "isu_dfkkop",
        sap(
            item("M1", "-50.00", "20260301", augst="9"),
            item("M2", "-20.00", "20260302", augst="9"),
            item("M3", "-30.00", "20260303"),  # a credit nobody has matched yet
            item("M4", "95.35", "20260308"),  # overdue since yesterday
            item("M4", "10.00", "20260309", opupk="0002"),  # due today
            item("M4", "77.00", "20260101", opupk="0003", augst="9"),
            item("M4", "88.00", "20260101", opupk="0004", augrs="2"),
            item("M6", "-12.00", "20260101", account=SHOP),
            item("M7", "5.00", "20260101", account=SHOP),
        ),
    )


def said(world: Scratch, entity: str, columns: str, order: str = "1") -> list[tuple[Any, ...]]:
    """Return columns of a canonical model."""
    found = world.rows(f"select {columns} from intermediate.int_isu__canonical_{entity} order by {order}")
    return [tuple(row.values()) for row in found]


def test_parties_are_persons_and_organisations(world: Scratch) -> None:
    """Names of two kinds of columns; the standard address as it stands today; default numbers before others."""
    who = "party_key, party_type, party_name, first_name, last_name, language_code, has_life_support, is_archived"
    assert said(world, "parties", who) == [
        (f"ISU|BP|{ADA}", "person", "Ada Testperson", "Ada", "Testperson", "en", None, False),
        (f"ISU|BP|{BEN}", "person", "Testmann", None, "Testmann", "es", True, True),
        (f"ISU|BP|{MILL}", "organisation", "Invented Mill LLC", None, None, None, None, False),
    ]
    reached = "native_id, email, phone, mobile, mailing_street, mailing_unit, mailing_postal_code, unknown_codes"
    assert said(world, "parties", reached) == [
        (ADA, "ada@example.com", "555-0102", "555-0103", "33 Invented Way", "Apt 3", "00501", []),
        (BEN, None, None, None, None, None, None, []),
        (MILL, None, None, None, None, None, None, ["language_code=Q", "contact_route=8"]),
    ]
    assert said(world, "contacts", "contact_key, party_key, last_name") == [
        (f"ISU|BPC|{ADA}", f"ISU|BP|{ADA}", "Testperson"),
        (f"ISU|BPC|{BEN}", f"ISU|BP|{BEN}", "Testmann"),
    ]


def test_an_account_belongs_to_its_one_holder(world: Scratch) -> None:
    """With two holders to nobody; one marked for deletion is gone. Terms are the holder's, the cycle the contract's."""
    whose = "billing_account_key, account_name, party_key, customer_class, account_status, unknown_codes"
    assert said(world, "billing_accounts", whose) == [
        (f"ISU|VK|{HOME}", f"{HOME} Ada Testperson", f"ISU|BP|{ADA}", "residential", "active", []),
        (
            *(f"ISU|VK|{SHOP}", f"{SHOP} Invented Mill LLC", f"ISU|BP|{MILL}", None, "active"),
            ["customer_class=ZZ", "bill_frequency=ZZ"],
        ),
        (f"ISU|VK|{DOUBLE}", DOUBLE, None, "residential", None, []),
    ]
    terms = "native_id, bill_cycle_code, bill_frequency, bill_delivery_method, is_autopay, currency_code, set_up_date"
    opened = date(2024, 1, 5)
    assert said(world, "billing_accounts", terms) == [
        (HOME, "08", "monthly", "ebill", True, "USD", opened),
        (SHOP, "ZZ", None, None, False, "USD", opened),
        (DOUBLE, "07", "monthly", None, False, "USD", opened),
    ]


def test_partners_of_an_account_have_roles(world: Scratch) -> None:
    """A person can be written to; a role no list knows is none; rows of a deleted account go with it."""
    roles = "account_role_key, contact_key, role, is_main, unknown_codes"
    assert said(world, "account_roles", roles) == [
        (f"ISU|VKP|{HOME}|{ADA}", f"ISU|BPC|{ADA}", "financially_responsible", True, []),
        (f"ISU|VKP|{HOME}|{BEN}", f"ISU|BPC|{BEN}", "authorised", False, []),
        (f"ISU|VKP|{SHOP}|{MILL}", None, "financially_responsible", True, []),
        (f"ISU|VKP|{DOUBLE}|{ADA}", f"ISU|BPC|{ADA}", "financially_responsible", True, []),
        (f"ISU|VKP|{DOUBLE}|{BEN}", f"ISU|BPC|{BEN}", "financially_responsible", True, []),
        (f"ISU|VKP|{DOUBLE}|{NOBODY}", None, None, False, ["role=77"]),
    ]


def test_premises_lie_in_connection_objects_and_have_their_address(world: Scratch) -> None:
    columns = "premise_key, parent_premise_key, is_parent, premise_type, premise_name, street, unit, unknown_codes"
    assert said(world, "premises", columns) == [
        (f"ISU|CONN|{HOUSE}", None, True, "building", "9 Invented Way", "9 Invented Way", None, []),
        (
            *("ISU|PREM|P1", f"ISU|CONN|{HOUSE}", False, "residential"),
            *("9 Invented Way Apt 1", "9 Invented Way", "Apt 1", []),
        ),
        (
            *("ISU|PREM|P2", f"ISU|CONN|{HOUSE}", False, None),
            *("9 Invented Way", "9 Invented Way", None, ["premise_type=BARN"]),
        ),
    ]


def test_installations_are_service_points(world: Scratch) -> None:
    """Status from marks and slices, market id as of today, business unit by type."""
    columns = (
        "service_point_key, premise_key, commodity, business_unit, service_point_status, market_id, is_solar, "
        "activation_date, unknown_codes"
    )
    assert said(world, "service_points", columns) == [
        (
            *(f"ISU|INST|{POWER}", "ISU|PREM|P1", "electricity", "electric", "in_service", "NY2", False),
            *(date(2024, 1, 1), []),
        ),
        (
            *(f"ISU|INST|{GAS}", "ISU|PREM|P1", "gas", "gas", "disconnected", None, False),
            *(date(2024, 2, 1), []),
        ),
        (
            *(f"ISU|INST|{SOLAR}", "ISU|PREM|P2", "electricity", "renewables", "in_service", "NY2", True),
            *(date(2024, 3, 1), []),
        ),
        (f"ISU|INST|{GONE}", "ISU|PREM|P2", None, "gas", "abolished", None, False, None, ["commodity=09"]),
    ]


def test_devices_are_where_their_slice_of_today_says(world: Scratch) -> None:
    columns = (
        "device_key, serial_number, device_status, service_point_key, premise_key, install_date, removal_date, "
        "register_factor"
    )
    changed = date(2026, 2, 1)
    assert said(world, "devices", columns) == [
        ("ISU|EQ|E1", "001", "retired", None, None, date(2024, 1, 1), changed, None),
        ("ISU|EQ|E2", "002", "installed", f"ISU|INST|{POWER}", "ISU|PREM|P1", changed, None, Decimal(40)),
        ("ISU|EQ|E3", "003", "in_store", None, None, None, None, None),
    ]
    installs = "device_install_key, device_key, service_point_key, install_date, removal_date, is_current"
    assert said(world, "device_installs", installs) == [
        (f"ISU|EASTL|{POWER}|G1|20240101", "ISU|EQ|E1", f"ISU|INST|{POWER}", date(2024, 1, 1), changed, False),
        (f"ISU|EASTL|{POWER}|G2|20260201", "ISU|EQ|E2", f"ISU|INST|{POWER}", changed, None, True),
    ]


def test_contracts_get_their_status_from_dates(world: Scratch) -> None:
    """Moved in today counts, tomorrow not yet; taken back on either side is cancelled; 30 February is no date."""
    columns = (
        "service_agreement_key, agreement_status, start_date, end_date, status_change_date, status_reason, "
        "unknown_codes"
    )
    begun, ended = date(2024, 1, 10), date(2025, 12, 31)
    assert said(world, "service_agreements", columns) == [
        ("ISU|CTR|C1", "active", begun, None, begun, "move_in", []),
        ("ISU|CTR|C2", "pending", date(2026, 3, 10), None, None, "move_in", []),
        ("ISU|CTR|C3", "ended", begun, ended, ended, "move_out", []),
        ("ISU|CTR|C4", "active", date(2026, 3, 9), None, date(2026, 3, 9), "move_in", ["billing_schedule=ZZ"]),
        ("ISU|CTR|C5", "cancelled", begun, None, None, None, []),
        ("ISU|CTR|C6", "cancelled", None, None, None, None, []),
        ("ISU|CTR|C7", None, None, None, None, "move_in", ["commodity=09", "move_in_date=20250230"]),
    ]


def test_a_contract_has_a_product_that_is_there(world: Scratch) -> None:
    """The rate today, or on the contract's nearest day; where nothing is known of the commodity, none."""
    products = {key for (key,) in said(world, "products", "product_key")}
    assert products == {
        *("ISU|TARIF|01|E_COM_1", "ISU|TARIF|01|E_RES_2", "ISU|TARIF|02|G_RES_1", "ISU|TARIF|02|G_RES_2"),
    }
    assert said(world, "products", "product_name, commodity, rate_code")[0] == (
        "Electricity E_COM_1",
        "electricity",
        "E_COM_1",
    )
    assert said(world, "service_agreements", "native_id, product_key") == [
        ("C1", "ISU|TARIF|01|E_RES_2"),
        ("C2", "ISU|TARIF|02|G_RES_2"),
        ("C3", "ISU|TARIF|02|G_RES_1"),
        ("C4", "ISU|TARIF|01|E_COM_1"),
        ("C5", "ISU|TARIF|01|E_RES_2"),
        ("C6", "ISU|TARIF|01|E_RES_2"),
        ("C7", None),
    ]


def test_a_contract_is_for_one_installation_unless_it_was_taken_back(world: Scratch) -> None:
    assert said(world, "agreement_items", "agreement_item_key, service_point_key, start_date") == [
        (f"ISU|CTRI|C1|{POWER}", f"ISU|INST|{POWER}", date(2024, 1, 10)),
        (f"ISU|CTRI|C2|{GAS}", f"ISU|INST|{GAS}", date(2026, 3, 10)),
        (f"ISU|CTRI|C3|{GAS}", f"ISU|INST|{GAS}", date(2024, 1, 10)),
        (f"ISU|CTRI|C4|{SOLAR}", f"ISU|INST|{SOLAR}", date(2026, 3, 9)),
        ("ISU|CTRI|C7|A0", "ISU|INST|A0", None),
    ]


def test_bills_are_posted_print_documents_of_twelve_months(world: Scratch) -> None:
    """A reversed one stays, charging nothing; the document that reverses it, simulations and held ones are no bills."""
    columns = (
        "bill_key, bill_date, due_date, period_start_date, period_end_date, current_charges_usd, amount_due_usd, "
        "bill_status, is_estimated, is_rebill"
    )
    billed, first, last = date(2026, 2, 16), date(2026, 1, 15), date(2026, 2, 14)
    assert said(world, "bills", columns) == [
        (
            *("ISU|BILL|B1", billed, date(2026, 3, 8), first, last, Decimal("95.35"), Decimal("95.35")),
            *("issued", True, True),
        ),
        ("ISU|BILL|B2", billed, None, first, last, Decimal(0), Decimal(40), "reversed", False, False),
        ("ISU|BILL|B8", date(2025, 3, 1), date(2026, 3, 8), None, None, Decimal(0), None, "issued", False, False),
    ]


def test_a_bill_says_of_each_contract_what_it_used_and_costs(world: Scratch) -> None:
    """Debits less credits; the energy of what stands, in its two parts; a line type no list knows might be energy."""
    columns = "bill_service_key, commodity, usage_quantity, usage_unit, days, amount_usd, is_estimated, unknown_codes"
    unseen = ["usage_quantity=NEVER SEEN"]
    assert said(world, "bill_services", columns) == [
        ("ISU|BSV|B1|C1", "electricity", Decimal("410.75"), "kWh", 31, Decimal("62.10"), False, []),
        ("ISU|BSV|B1|C2", "gas", Decimal(31), "ccf", 31, Decimal("33.25"), True, unseen),
        ("ISU|BSV|B2|C1", "electricity", None, None, 31, Decimal(0), False, []),
    ]


def test_a_balance_is_the_open_items_and_credits_meet_the_oldest_first(world: Scratch) -> None:
    """Cleared and statistical items are not owed; what is due today is not overdue; a credit is never overdue."""
    columns = "billing_account_key, balance_amount_usd, payoff_balance_usd, overdue_amount_usd, balance_as_of"
    today = date(2026, 3, 9)
    assert said(world, "balances", columns) == [
        (f"ISU|VK|{HOME}", Decimal("75.35"), None, Decimal("65.35"), today),
        (f"ISU|VK|{SHOP}", Decimal("-7.00"), None, Decimal(0), today),
        (f"ISU|VK|{DOUBLE}", Decimal(0), None, Decimal(0), today),
    ]


def test_payments_are_documents_of_a_type_that_is_one(world: Scratch) -> None:
    """Reversed ones are cancelled; one of a type no list knows might be a payment, and says so."""
    columns = "payment_key, billing_account_key, payment_date, payment_amount_usd, payment_status, unknown_codes"
    home = f"ISU|VK|{HOME}"
    assert said(world, "payments", columns) == [
        ("ISU|PAY|M1", home, date(2026, 3, 1), Decimal(50), "posted", []),
        ("ISU|PAY|M2", home, date(2026, 3, 2), Decimal(20), "cancelled", []),
        ("ISU|PAY|M3", home, date(2026, 3, 3), Decimal(30), None, ["payment_status=??"]),
    ]
