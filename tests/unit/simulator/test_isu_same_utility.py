"""The SAP extracts tell of the same utility as the CC&B extracts of the same night, which serve as the oracle."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.unit.simulator.replay import isu_table, table
from tests.unit.simulator.test_billing_extracts import KEYS as CCB_KEYS

from nightwatt.simulator import Utility, write_night
from nightwatt.simulator.ccb_customers import agreements as agreements_of
from nightwatt.simulator.clock import day_number
from nightwatt.simulator.extract import CLOSED_FOR, Extract
from nightwatt.simulator.isu import KEYS
from nightwatt.simulator.isu_contracts import contract_tables
from nightwatt.simulator.world import Customers, tenancies

NIGHT = date(2026, 5, 12)
STAMP = f"{NIGHT:%Y%m%d}"
IS_MONEY = pl.col("AUGRS") != "2"


class Night:
    """Both forms of one night, table by table."""

    def __init__(self, folder: Path) -> None:
        self.ccb = {name: table(folder, name, STAMP) for name in CCB_KEYS}
        everywhere = ["MANDT", "DI_OPERATION_TYPE", "EXTRACTED_AT"]
        self.isu = {name: isu_table(folder, name, STAMP).drop(everywhere) for name in KEYS}


@pytest.fixture(scope="module", params=[(11, 700), (23, 300)])
def night(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Night:
    seed, customers = request.param
    folder = tmp_path_factory.mktemp("both")
    utility = Utility(customers, seed=seed, faults=False, solar_share=0.2)
    write_night(utility, NIGHT, folder, first_night=True, systems=["ccb", "isu"])
    return Night(folder)


def assert_same(left: pl.DataFrame, right: pl.DataFrame) -> None:
    assert left.height > 0
    assert_frame_equal(left, right.select(left.columns), check_row_order=False)


def cents(column: str) -> pl.Expr:
    return (pl.col(column).cast(pl.Float64) * 100).round().cast(pl.Int64)


def day(column: str, plus: int = 0) -> pl.Expr:
    """Read a DATS column as CC&B spells dates; no date and an open end are empty."""
    known = pl.col(column).replace({"00000000": None, "99991231": None, "": None}).str.to_date("%Y%m%d")
    return (known + pl.duration(days=plus)).dt.strftime("%Y-%m-%d").fill_null("")


def unpadded(column: str, skip: int) -> pl.Expr:
    return pl.col(column).str.slice(skip)


def yes(column: str) -> pl.Expr:
    return pl.col(column) == "X"


def same_names(frame: pl.DataFrame) -> pl.DataFrame:
    person = pl.col("NAME_LAST") + "," + pl.col("NAME_FIRST")
    company = pl.col("NAME_ORG1") + " " + pl.col("NAME_ORG2")
    return frame.select(
        PER_ID="PARTNER",
        ENTITY_NAME=pl.when(pl.col("TYPE") == "1").then(person).otherwise(company),
        PER_OR_BUS_FLG=pl.col("TYPE").replace_strict({"1": "P", "2": "B"}),
        LANGUAGE_CD=pl.col("BU_LANGU").replace_strict({"E": "ENG", "S": "SPA"}),
        LS_SL_FLG=pl.when(yes("ZZLIFESUPP")).then(pl.lit("LS")).otherwise(pl.lit("")),
    )


def test_partners_are_the_persons(night: Night) -> None:
    names = night.ccb["ci_per_name"].filter(pl.col("NAME_TYPE_FLG") == "PRIM")
    assert_same(same_names(night.isu["but000"]), night.ccb["ci_per"].join(names, on="PER_ID"))
    longest = night.isu["but000"].select(pl.col("^NAME_.*$").str.len_chars().max())
    assert max(longest.row(0)) <= 40
    assert (night.isu["but000"].filter(pl.col("TYPE") == "2")["BIRTHDT"] == "00000000").all()


def test_telephones_and_e_mail_hang_on_the_standard_address(night: Night) -> None:
    standard = night.isu["but020"].filter(yes("XDFADR"))
    assert standard["PARTNER"].is_unique().all()
    assert night.isu["but020"].height > standard.height
    phones = night.isu["adr2"].with_columns(
        COMM_RTE_TYPE_CD=pl.col("R3_USER").replace_strict({"1": "HOMEPHONE", "3": "CELLPHONE"})
    )
    emails = night.isu["adr6"].with_columns(COMM_RTE_TYPE_CD=pl.lit("EMAIL"), TEL_NUMBER=pl.col("SMTP_ADDR"))
    columns = ["ADDRNUMBER", "COMM_RTE_TYPE_CD", "TEL_NUMBER", "FLGDEFAULT"]
    found = pl.concat([phones.select(columns), emails.select(columns)]).join(standard, on="ADDRNUMBER")
    found = found.select(
        PER_ID="PARTNER",
        COMM_RTE_TYPE_CD="COMM_RTE_TYPE_CD",
        CONTACT_VALUE="TEL_NUMBER",
        CND_PRIMARY_FLG=pl.when(yes("FLGDEFAULT")).then(pl.lit("C1YS")).otherwise(pl.lit("C1NO")),
    )
    assert_same(found, night.ccb["c1_per_contdet"].filter(pl.col("CND_ACTINACT_FLG") == "C1AC"))


def addresses(night: Night) -> pl.DataFrame:
    return night.isu["adrc"].with_columns(street=pl.col("HOUSE_NUM1") + " " + pl.col("STREET"))


def test_the_standard_address_is_the_premise_of_the_first_supplied_or_else_first_account(night: Night) -> None:
    live = energy_agreements(night).filter(pl.col("SA_STATUS_FLG").is_in(["20", "30", "50"]))
    holders = night.ccb["ci_acct_per"].filter(pl.col("MAIN_CUST_SW") == "Y")
    first = (
        holders.with_columns(waits=~pl.col("ACCT_ID").is_in(live["ACCT_ID"].implode()))
        .sort("waits", "ACCT_ID")
        .unique("PER_ID", keep="first", maintain_order=True)
    )
    premises = first.join(night.ccb["ci_acct"].select("ACCT_ID", "MAILING_PREM_ID"), on="ACCT_ID").join(
        night.ccb["ci_prem"], left_on="MAILING_PREM_ID", right_on="PREM_ID"
    )
    standard = night.isu["but020"].filter(yes("XDFADR")).join(addresses(night), on="ADDRNUMBER")
    assert standard.height == night.isu["but000"].height
    with_post = standard.filter(pl.col("CITY1") != "")
    assert_same(
        with_post.select(
            PER_ID="PARTNER",
            ADDRESS1="street",
            ADDRESS2="HOUSE_NUM2",
            CITY="CITY1",
            POSTAL="POST_CODE1",
            STATE="REGION",
        ),
        premises,
    )
    assert with_post.height < standard.height, "a second person in a home has no post"
    assert holders["PER_ID"].is_duplicated().sum() > 10


def real(frame: pl.DataFrame) -> pl.DataFrame:
    """Leave out what is marked for deletion."""
    return frame.filter(pl.col("LOEVM") != "X")


def test_accounts_have_the_same_holders_classes_routes_and_payment(night: Night) -> None:
    accounts = real(night.isu["fkkvk"]).select(ACCT_ID=unpadded("VKONT", 2), SETUP_DT=day("ERDAT"))
    assert_same(accounts, night.ccb["ci_acct"])
    assert night.isu["fkkvk"].height > accounts.height
    roles = real(night.isu["fkkvkp"]).select(
        ACCT_ID=unpadded("VKONT", 2),
        PER_ID="GPART",
        MAIN_CUST_SW=pl.col("VKPBZ").replace_strict({"01": "Y", "02": "N"}),
    )
    assert_same(roles, night.ccb["ci_acct_per"])
    holders = real(night.isu["fkkvkp"]).filter(pl.col("VKPBZ") == "01")
    pays = night.ccb["ci_acct_apay"].filter(pl.col("END_DT") == "").select("ACCT_ID", pays=pl.lit("D"))
    routes = {"POST": "POSTAL", "MAIL": "EMAIL", "SMS": "SMS", "": ""}
    assert_same(
        holders.select(
            ACCT_ID=unpadded("VKONT", 2),
            CUST_CL_CD="KTOKL",
            BILL_RTE_TYPE_CD=pl.col("SENDCONTROL_RH").replace_strict(routes),
            pays="EZAWE",
        ),
        night.ccb["ci_acct"].join(pays, on="ACCT_ID", how="left").with_columns(pl.col("pays").fill_null("")),
    )


def test_premises_lie_in_connection_objects_at_the_same_address(night: Night) -> None:
    houses = (
        night.isu["ehauisu"]
        .join(night.isu["iflot"], left_on="HAUS", right_on="TPLNR")
        .join(night.isu["iloa"], on="ILOAN")
        .join(addresses(night), left_on="ADRNR", right_on="ADDRNUMBER")
    )
    assert houses.height == night.isu["ehauisu"].height
    flats = night.isu["evbs"].join(houses.select("HAUS", "street", "CITY1", "POST_CODE1"), on="HAUS")
    premises = night.ccb["ci_prem"].filter(pl.col("PREM_TYPE_CD") != "BLDG")
    parent = pl.col("PRNT_PREM_ID")
    assert_same(
        flats.select(
            PREM_ID="VSTELLE",
            house=unpadded("HAUS", 20),
            ADDRESS1="street",
            ADDRESS2="LGZUSATZ",
            CITY="CITY1",
            POSTAL="POST_CODE1",
            PREM_TYPE_CD="VBSART",
        ),
        premises.with_columns(house=pl.when(parent == "").then("PREM_ID").otherwise(parent)),
    )
    buildings = night.ccb["ci_prem"].filter(pl.col("PREM_TYPE_CD") == "BLDG")
    shared = night.isu["evbs"].group_by(PREM_ID=unpadded("HAUS", 20)).len().filter(pl.col("len") > 1)
    assert set(shared["PREM_ID"]) == set(buildings["PREM_ID"])


def test_installations_are_the_service_points(night: Night) -> None:
    activated = night.isu["eanlh"].group_by("ANLAGE").agg(pl.col("AB").min())
    points = night.isu["eanl"].join(activated, on="ANLAGE")
    assert_same(
        points.select(
            SP_ID="ANLAGE",
            PREM_ID="VSTELLE",
            SP_TYPE_CD=pl.col("ANLART").str.slice(0, 1) + "-" + pl.col("ANLART").str.slice(1),
            fuel=pl.col("SPARTE").replace_strict({"01": "E", "02": "G"}),
            SP_STATUS_FLG=pl.when(yes("LOEVM")).then(pl.lit("A")).otherwise(pl.lit("R")),
            SP_SRC_STATUS_FLG=pl.when(yes("ZZDISCONN")).then(pl.lit("D")).otherwise(pl.lit("C")),
            INSTALL_DT=day("AB"),
        ),
        night.ccb["ci_sp"].with_columns(fuel=pl.col("SP_TYPE_CD").str.slice(0, 1)),
    )
    market = night.isu["euiinstln"].join(night.isu["euitrans"], on="INT_UI")
    assert market["ANLAGE"].n_unique() == market["EXT_UI"].n_unique() == points.height


def test_devices_hang_where_the_meters_hang(night: Night) -> None:
    devices = night.isu["equi"].select(
        MTR_ID=unpadded("EQUNR", 8), SERIAL_NBR="SERNR", MTR_TYPE_CD="MATNR", MFG_CD="HERST"
    )
    assert_same(devices, night.ccb["ci_mtr"])
    placed = night.isu["eastl"].join(night.isu["egerh"].filter(pl.col("LOGIKNR") != ""), on="LOGIKNR")
    found = placed.select(SP_ID="ANLAGE", MTR_ID=unpadded("EQUNR", 8), installed=day("EINBDAT"), removed=day("AUSBDAT"))
    configurations = night.ccb["ci_mtr_config"].select("MTR_CONFIG_ID", "MTR_ID", installed=first_ten("EFF_DTTM"))
    history = night.ccb["ci_sp_mtr_hist"].join(configurations, on="MTR_CONFIG_ID")
    assert_same(found, history.with_columns(removed=first_ten("REMOVAL_DTTM")))
    still_there = placed.filter((pl.col("BIS") == "99991231") & (pl.col("BIS_right") == "99991231"))
    assert_same(still_there.select(SP_ID="ANLAGE"), history.filter(pl.col("REMOVAL_DTTM") == ""))
    for name, key in (("egerh", ["EQUNR"]), ("eanlh", ["ANLAGE"])):
        slices = night.isu[name].sort(*key, "AB").with_columns(next=pl.col("AB").shift(-1).over(key))
        joins = day("BIS", plus=1) == day("next")
        assert slices.filter(pl.col("next").is_not_null() & ~joins).is_empty(), f"{name} has gaps"
        assert (slices.filter(pl.col("next").is_null())["BIS"] == "99991231").all()


def first_ten(column: str) -> pl.Expr:
    return pl.col(column).str.slice(0, 10)


def energy_agreements(night: Night) -> pl.DataFrame:
    special = night.ccb["ci_sa_type"].filter(pl.col("SPECIAL_ROLE_FLG") != "")
    return night.ccb["ci_sa"].join(special, on="SA_TYPE_CD", how="anti")


NAMES = {
    "10": "pending",
    "20": "active",
    "30": "active",
    "50": "active",
    "40": "ended",
    "60": "ended",
    "70": "cancelled",
}


def status_on(today: str) -> pl.Expr:
    """Say what a contract's dates mean on a business date."""
    begins, ends = pl.col("EINZDAT"), pl.col("AUSZDAT")
    return (
        pl.when((begins == "00000000") | (ends == "00000000"))
        .then(pl.lit("cancelled"))
        .when(begins > today)
        .then(pl.lit("pending"))
        .when(ends < today)
        .then(pl.lit("ended"))
        .otherwise(pl.lit("active"))
    )


def test_contracts_are_the_energy_agreements_and_their_dates_say_the_status(night: Night) -> None:
    contracts = real(night.isu["ever"])
    found = contracts.with_columns(status=status_on(STAMP)).select(
        SA_ID="VERTRAG",
        ACCT_ID=unpadded("VKONTO", 2),
        START_DT=day("EINZDAT"),
        END_DT=pl.when(pl.col("status") != "cancelled").then(day("AUSZDAT", plus=1)).otherwise(day("EINZDAT")),
        status="status",
        fuel=pl.col("SPARTE").replace_strict({"01": "E", "02": "G"}),
    )
    agreements = energy_agreements(night).with_columns(
        status=pl.col("SA_STATUS_FLG").replace_strict(NAMES), fuel=pl.col("SA_TYPE_CD").str.slice(0, 1)
    )
    assert_same(found, agreements)
    assert set(found["status"]) >= {"active", "ended", "cancelled"}
    assert night.isu["ever"].height > contracts.height
    points = contracts.join(found.filter(pl.col("status") != "cancelled"), left_on="VERTRAG", right_on="SA_ID")
    items = night.ccb["ci_sa_sp"].with_columns(END_DT=first_ten("STOP_DTTM"))
    assert_same(points.select(SA_ID="VERTRAG", SP_ID="ANLAGE", END_DT="END_DT"), items)


def test_a_status_changes_on_the_same_night_in_both_forms() -> None:
    utility, seen = Utility(2500, seed=4), set()
    customers = Customers(utility, np.arange(2500, dtype=np.uint64))
    for n in range(5):
        on = NIGHT + timedelta(days=n)
        extract = Extract(utility, day_number(on) - 1, complete=True)
        tenants = tenancies(customers, extract.day - CLOSED_FOR, extract.day)
        contracts = real(contract_tables(extract, tenants)["ever"].with_columns(pl.col("LOEVM").fill_null("")))
        found = contracts.select(SA_ID="VERTRAG", status=status_on(f"{on:%Y%m%d}"))
        agreements = agreements_of(extract, tenants)["ci_sa"].filter(pl.col("SA_TYPE_CD") != "DEP     ")
        assert_same(found, agreements.with_columns(status=pl.col("SA_STATUS_FLG").replace_strict(NAMES)))
        first, last = day_number(on), f"{on - timedelta(days=1):%Y%m%d}"
        seen |= {"starts today"} if (tenants.start == first).any() else set()
        seen |= {"had its last day"} if (contracts["AUSZDAT"] == last).any() else set()
        seen |= set(found["status"])
    assert seen == {"pending", "active", "ended", "cancelled", "starts today", "had its last day"}


def test_the_installations_rate_is_the_agreements(night: Night) -> None:
    """On the last day of an agreement that ended, else today."""
    rates = night.ccb["ci_sa_rs_hist"].sort("EFFDT").unique("SA_ID", keep="last")
    at = pl.min_horizontal(pl.max_horizontal("EINZDAT", pl.lit(STAMP)), "AUSZDAT")
    slices = night.isu["eanlh"].select("ANLAGE", "AB", "BIS", "TARIFTYP")
    valid = (
        real(night.isu["ever"]).filter(pl.col("AUSZDAT") != "00000000").with_columns(at=at).join(slices, on="ANLAGE")
    )
    valid = valid.filter((pl.col("AB") <= pl.col("at")) & (pl.col("at") <= pl.col("BIS")))
    assert_same(valid.select(SA_ID="VERTRAG", RS_CD=pl.col("TARIFTYP").str.replace_all("_", "-")), rates)
    assert "E_RES_TU" in set(valid["TARIFTYP"])


def posted(night: Night) -> pl.DataFrame:
    return night.isu["erdk"].filter(yes("INVOICED"), ~yes("SIMULATED"))


def frozen(night: Night) -> pl.DataFrame:
    accounts = night.ccb["ci_sa"].select("SA_ID", "ACCT_ID")
    return night.ccb["ci_ft"].filter(pl.col("FREEZE_SW") == "Y").join(accounts, on="SA_ID")


def test_print_documents_are_the_completed_bills(night: Night) -> None:
    found = posted(night).select(
        BILL_ID="OPBEL", ACCT_ID=unpadded("VKONT", 2), BILL_DT=day("BLDAT"), DUE_DT=day("FAEDN"), done=day("DRUCKDAT")
    )
    bills = night.ccb["ci_bill"].filter(pl.col("BILL_STAT_FLG") == "C").with_columns(done=first_ten("COMPLETE_DTTM"))
    assert_same(found, bills)
    cancelled = night.ccb["ci_bseg"].group_by("BILL_ID").agg((pl.col("BSEG_STAT_FLG") == "60").all())
    reversed_whole = posted(night).filter(yes("STOKZ"))
    assert set(reversed_whole["OPBEL"]) == set(cancelled.filter("BSEG_STAT_FLG")["BILL_ID"])
    assert reversed_whole.height > 5
    assert set(reversed_whole["INTOPBEL"]) <= set(night.isu["dfkkko"]["OPBEL"])
    others = night.isu["erdk"].filter(~yes("INVOICED"))
    assert (others["STOKZ"] == "").all()
    assert {"X", ""} == set(others["SIMULATED"]) | {""}


def test_lines_of_a_print_document_add_up_to_the_charges_of_each_agreement(night: Night) -> None:
    sign = pl.col("SHKZG").replace_strict({"S": 1, "H": -1})
    lines = night.isu["erdz"].group_by(PARENT_ID="OPBEL", SA_ID="VERTRAG").agg(cents=(cents("BETRW") * sign).sum())
    charges = frozen(night).filter(pl.col("FT_TYPE_FLG").is_in(["BS", "BX"]))
    assert_same(lines, charges.group_by("PARENT_ID", "SA_ID").agg(cents=cents("CUR_AMT").sum()))
    documents = night.isu["dberdlb"].group_by(SIBLING_ID="BILLDOC").agg(cents=cents("NETTOBTR").sum())
    written = charges.filter(pl.col("FT_TYPE_FLG") == "BS").group_by("SIBLING_ID").agg(cents=cents("TOT_AMT").sum())
    assert_same(documents, written)


def test_a_bill_asks_for_the_balance_on_its_completion(night: Night) -> None:
    within_a_year = night.ccb["ci_bill"].filter(
        (pl.col("BILL_DT") > f"{NIGHT - timedelta(days=397)}") & (pl.col("BILL_STAT_FLG") == "C")
    )
    bills = within_a_year.with_columns(done=first_ten("COMPLETE_DTTM"))
    balances = (
        bills.join(frozen(night), on="ACCT_ID")
        .filter(pl.col("ACCOUNTING_DT") <= pl.col("done"))
        .group_by(OPBEL="BILL_ID")
        .agg(cents=cents("CUR_AMT").sum())
    )
    asked = posted(night).select("OPBEL", cents=cents("TOTAL_AMNT"))
    assert_same(asked.join(bills, left_on="OPBEL", right_on="BILL_ID", how="semi").select("OPBEL", "cents"), balances)
    own = night.isu["erdz"].group_by("OPBEL").agg(own=cents("BETRW").sum())
    assert asked.join(own, on="OPBEL").filter(pl.col("cents") != pl.col("own")).height > 100


def test_billing_documents_have_the_usage_and_periods_of_the_frozen_segments(night: Night) -> None:
    documents = night.isu["erch"].filter(pl.col("STORNODAT") == "00000000", ~yes("SIMULATION"))
    thousandths = cents("V_ABRMENGE") * 10 + (pl.col("N_ABRMENGE").cast(pl.Float64) * 1000).round().cast(pl.Int64)
    energy = night.isu["dberchz1"].filter(pl.col("BELZART") == "ZENERG")
    energy = energy.group_by("BELNR").agg(usage=thousandths.sum(), unit=pl.col("MASSBILL").first())
    segments = night.ccb["ci_bseg"].filter(pl.col("BSEG_STAT_FLG").is_in(["30", "50"]))
    billed = night.ccb["ci_bseg_sq"].filter(
        (pl.col("TOU_CD") == "") & (pl.col("SQI_CD") == "") & pl.col("UOM_CD").is_in(["KWH", "CCF"])
    )
    found = documents.join(energy, on="BELNR").select(
        BSEG_ID="BELNR",
        SA_ID="VERTRAG",
        START_DT=day("BEGABRPE"),
        END_DT=day("ENDABRPE", plus=1),
        UOM_CD="unit",
        usage="usage",
    )
    assert_same(found, segments.join(billed, on="BSEG_ID").with_columns(usage=cents("BILL_SQ") * 10))
    assert (energy["usage"] % 1000 == 0).all()
    assert night.isu["dberchz1"].filter(pl.col("N_ABRMENGE") != "0.000").height > 500, "single lines are no whole units"
    read = night.isu["dberchz2"].join(night.isu["eabl"], on="ABLBELNR").filter(pl.col("SCHAEVER") != "")
    estimated = documents.join(read, on="BELNR", how="semi").select(BSEG_ID="BELNR")
    assert_same(estimated, segments.filter(pl.col("EST_SW") == "Y"))


def test_open_items_add_up_to_the_balance_of_each_account(night: Night) -> None:
    balances = frozen(night).group_by("ACCT_ID").agg(cents=cents("CUR_AMT").sum())
    items = night.isu["dfkkop"].with_columns(ACCT_ID=unpadded("VKONT", 2))
    still_open = items.filter(pl.col("AUGST") == "", IS_MONEY).group_by("ACCT_ID").agg(cents=cents("BETRW").sum())
    known = (
        balances.select("ACCT_ID").join(still_open, on="ACCT_ID", how="left").with_columns(pl.col("cents").fill_null(0))
    )
    assert_same(known, balances)
    assert set(still_open["ACCT_ID"]) <= set(balances["ACCT_ID"])
    assert still_open.filter(pl.col("cents") < 0).height > 0, "some have credit"
    everything = items.filter(IS_MONEY).group_by("ACCT_ID").agg(cents=cents("BETRW").sum())
    assert_same(everything, balances)


def test_what_a_document_clears_adds_up_to_nothing(night: Night) -> None:
    cleared = night.isu["dfkkop"].filter(pl.col("AUGST") == "9")
    assert cleared.height > 1000
    assert set(cleared.group_by("VKONT", "VTREF", "AUGBL").agg(cents=cents("BETRW").sum())["cents"]) == {0}
    assert (cleared["AUGDT"] != "00000000").all()
    assert (night.isu["dfkkop"].filter(pl.col("AUGST") == "")["AUGBL"] == "").all()
    assert set(night.isu["dfkkop"]["OPBEL"]) == set(night.isu["dfkkko"]["OPBEL"])
    assert set(cleared["AUGBL"]) <= set(night.isu["dfkkko"]["OPBEL"])


def test_items_split_and_statistical_items_are_there(night: Night) -> None:
    split = night.isu["dfkkop"].filter(pl.col("OPUPZ") == "0001")
    whole = night.isu["dfkkop"].join(split, on=["OPBEL", "OPUPK"], how="semi")
    assert whole.height == 2 * split.height > 50
    statistical = night.isu["dfkkop"].filter(~IS_MONEY)
    assert set(statistical["HVORG"]) == {"0040", "0050"}
    assert (statistical["AUGST"] == "").all()


def test_payments_have_the_same_numbers_days_amounts_and_returns(night: Night) -> None:
    headers = night.isu["dfkkko"].filter(pl.col("BLART") == "ZA")
    paid = night.isu["dfkkop"].group_by("OPBEL", ACCT_ID=unpadded("VKONT", 2)).agg(cents=-cents("BETRW").sum())
    found = headers.join(paid, on="OPBEL").select(
        PAY_ID="OPBEL",
        ACCT_ID="ACCT_ID",
        PAY_DT=day("BUDAT"),
        cents="cents",
        PAY_STATUS_FLG=pl.when(pl.col("STBLK") == "").then(pl.lit("50")).otherwise(pl.lit("60")),
    )
    assert_same(found, night.ccb["ci_pay"].with_columns(cents=cents("PAY_AMT")))
    assert set(found["PAY_STATUS_FLG"]) == {"50", "60"}


def test_readings_less_the_ones_before_are_the_billed_use(night: Night) -> None:
    """Of one meter within one year; wrong and estimated readings were replaced or are as good as right."""
    documents = night.isu["erch"].filter(pl.col("STORNODAT") == "00000000", ~yes("SIMULATION"))
    reading = pl.col("V_ZWSTAND").cast(pl.Float64) + pl.col("N_ZWSTAND").cast(pl.Float64)
    energy = night.isu["dberchz1"].filter(pl.col("BELZART") == "ZENERG")
    energy = energy.group_by("BELNR").agg(
        usage=(cents("V_ABRMENGE") / 100 + pl.col("N_ABRMENGE").cast(pl.Float64)).sum()
    )
    read = (
        documents.join(night.isu["dberchz2"], on="BELNR")
        .join(night.isu["eabl"].filter(pl.col("ZWNUMMER") == "001"), on="ABLBELNR")
        .join(energy, on="BELNR")
        .with_columns(reading=reading, year=pl.col("ADAT").str.slice(0, 4))
        .sort("EQUNR", "ADAT")
        .with_columns(used=pl.col("reading").diff().over("EQUNR", "year"), gap=day_gap())
        .drop_nulls("used")
        .filter("gap")
    )
    assert read.height > 2000
    off = (read["used"] - read["usage"]).abs()
    assert (off <= 0.5001).all()


def day_gap() -> pl.Expr:
    """Say whether a period begins where the one before it ended."""
    return (day("BEGABRPE") == day("ENDABRPE", plus=1).shift(1).over("EQUNR", "year")).fill_null(value=False)


def test_some_readings_have_two_reasons(night: Night) -> None:
    reasons: dict[Any, int] = dict(night.isu["eablg"]["ABLBELNR"].value_counts().iter_rows())
    assert set(reasons.values()) == {1, 2}
    assert set(reasons) == set(night.isu["eabl"]["ABLBELNR"])
    assert set(night.isu["eablg"]["ABLESGR"]) == {"01", "03", "06", "10"}
