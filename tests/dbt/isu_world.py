"""A world of SAP rows small enough to work out by hand: Ada at home, Ben's former gas, a mill with solar, mistakes.

Belongs here: literal rows. Does not belong here: what the models must say of them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.dbt.sap_rows import sap
from tests.dbt.scratch import Scratch

OPEN, NONE = "99991231", "00000000"
ADA, BEN, MILL, NOBODY = "0000000011", "0000000012", "0000000013", "0000000019"
HOME, SHOP, DOUBLE, MISTAKE = "000000000021", "000000000022", "000000000023", "000000000029"
POWER, GAS, SOLAR, GONE = "0000000041", "0000000042", "0000000043", "0000000049"
HOUSE = "000000000000000000000000000031"


def load_world(s: Scratch) -> None:
    """Put the world's rows into the lake."""
    _partners(s)
    _places(s)
    _contracts(s)
    _money(s)


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
    s.load(
        "isu_eabl",
        sap(
            {"ablbelnr": "R1", "schaever": "01"},
            {"ablbelnr": "R2", "schaever": "", "v_zwstand": 812, "n_zwstand": "0.4"},
        ),
    )
    s.load("isu_eablg", sap(*({"ablbelnr": "R2", "anlage": POWER, "ablesgr": reason} for reason in ("01", "06"))))
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
