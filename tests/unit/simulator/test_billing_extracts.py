"""The billing extracts: ids, trailers, money rules, and deltas that continue the first night."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from tests.unit.simulator.replay import good, lines, table, table_text

from nightwatt.simulator import NightSummary, Utility, expected_bills, expected_reads, write_night
from nightwatt.simulator.bills import bills_between, segments_of
from nightwatt.simulator.clock import day_number
from nightwatt.simulator.world import Customers, tenancies

Extract = tuple[Path, NightSummary]
NIGHT = "20260512"
KEYS = {
    "ci_per": ["PER_ID"], "ci_per_name": ["PER_ID", "SEQ_NUM"], "ci_acct": ["ACCT_ID"],
    "ci_acct_per": ["ACCT_ID", "PER_ID"], "ci_prem": ["PREM_ID"], "ci_sp": ["SP_ID"], "ci_mtr": ["MTR_ID"],
    "ci_mtr_config": ["MTR_CONFIG_ID"], "ci_sp_mtr_hist": ["SP_MTR_HIST_ID"], "ci_sa": ["SA_ID"],
    "ci_sa_type": ["CIS_DIVISION", "SA_TYPE_CD"], "ci_sa_sp": ["SA_SP_ID"], "ci_sa_rs_hist": ["SA_ID", "EFFDT"],
    "ci_bill": ["BILL_ID"], "ci_bseg": ["BSEG_ID"], "ci_bseg_sq": ["BSEG_ID", "UOM_CD", "TOU_CD", "SQI_CD"],
    "ci_ft": ["FT_ID"], "ci_pay": ["PAY_ID"], "c1_per_contdet": ["C1_CONTACT_ID"], "ci_acct_apay": ["ACCT_APAY_ID"],
    "ci_prem_geo": ["PREM_ID", "GEO_TYPE_CD"],
}  # fmt: skip
PARENTS = [
    ("ci_per_name", "PER_ID", "ci_per"), ("ci_acct_per", "PER_ID", "ci_per"), ("ci_acct_per", "ACCT_ID", "ci_acct"),
    ("ci_sa", "ACCT_ID", "ci_acct"), ("ci_sa_sp", "SA_ID", "ci_sa"), ("ci_sa_sp", "SP_ID", "ci_sp"),
    ("ci_sp", "PREM_ID", "ci_prem"), ("ci_mtr_config", "MTR_ID", "ci_mtr"), ("ci_sp_mtr_hist", "SP_ID", "ci_sp"),
    ("ci_sp_mtr_hist", "MTR_CONFIG_ID", "ci_mtr_config"), ("ci_sa_rs_hist", "SA_ID", "ci_sa"),
    ("ci_bill", "ACCT_ID", "ci_acct"), ("ci_bseg", "BILL_ID", "ci_bill"), ("ci_bseg", "SA_ID", "ci_sa"),
    ("ci_bseg_sq", "BSEG_ID", "ci_bseg"), ("ci_ft", "SA_ID", "ci_sa"), ("ci_pay", "ACCT_ID", "ci_acct"),
    ("c1_per_contdet", "PER_ID", "ci_per"), ("ci_acct_apay", "ACCT_ID", "ci_acct"),
    ("ci_prem_geo", "PREM_ID", "ci_prem"),
]  # fmt: skip


@pytest.fixture(scope="session")
def tables(ccb_folder: Extract) -> dict[str, pl.DataFrame]:
    return {name: good(ccb_folder[0], name, NIGHT) for name in KEYS}


def test_every_file_ends_with_the_count_of_its_rows(ccb_folder: Extract) -> None:
    folder, summary = ccb_folder
    assert {f.name for f in summary.files} == {f"ccb/ccb_{name}_{NIGHT}.csv.gz" for name in KEYS}
    for name in KEYS:
        text = lines(folder / "ccb" / f"ccb_{name}_{NIGHT}.csv.gz")
        assert text[-1] == f"TRAILER,{len(text) - 2}".encode()
        assert summary.file(f"ccb/ccb_{name}_{NIGHT}.csv.gz").rows == len(text) - 2
        assert text[0].endswith(b",LAST_UPDATE_DTTM")


def test_planted_broken_lines_are_the_ones_reported(ccb_folder: Extract, tables: dict[str, pl.DataFrame]) -> None:
    _, summary = ccb_folder
    for name, frame in tables.items():
        file = summary.file(f"ccb/ccb_{name}_{NIGHT}.csv.gz")
        assert file.rows - frame.height == sum(file.bad.values())
    assert summary.bad == {"bad_number": 1, "bad_date": 1, "missing_column": 1, "empty_key": 1}


def test_keys_are_unique_and_ids_keep_their_length_and_leading_zeros(tables: dict[str, pl.DataFrame]) -> None:
    for name, key in KEYS.items():
        assert tables[name].select(key).is_unique().all(), name
    for name, column, width in (("ci_acct", "ACCT_ID", 10), ("ci_sp", "SP_ID", 10), ("ci_bill", "BILL_ID", 12)):
        ids = tables[name][column]
        assert set(ids.str.len_chars()) == {width}
        assert ids.str.starts_with("0").any()


def test_every_child_has_its_parent(tables: dict[str, pl.DataFrame]) -> None:
    for child, column, parent in PARENTS:
        assert set(tables[child][column]) <= set(tables[parent][column]), (child, column)


def test_char_columns_are_padded_and_alerts_are_canaries(ccb_folder: Extract) -> None:
    folder, _ = ccb_folder
    bills = table_text(folder, "ci_bill", NIGHT)
    assert {row.split(",")[6] for row in bills[1:]} <= {"C ", "P "}
    alerts = {row.split(",")[8] for row in table_text(folder, "ci_acct", NIGHT)[1:]}
    assert all(re.fullmatch(r"(ALERT-CANARY-\d+)?", a) for a in alerts)
    assert len(alerts) > 100


def test_names_have_commas_quotes_and_letters_beyond_ascii(ccb_folder: Extract) -> None:
    rows = table_text(ccb_folder[0], "ci_per_name", NIGHT)
    assert any('"' in row for row in rows)
    assert not "\n".join(rows).isascii()


def test_one_main_customer_per_account(tables: dict[str, pl.DataFrame]) -> None:
    main = tables["ci_acct_per"].filter(pl.col("MAIN_CUST_SW") == "Y")
    assert sorted(main["ACCT_ID"]) == sorted(tables["ci_acct"]["ACCT_ID"])


def test_agreements_have_every_life_stage(tables: dict[str, pl.DataFrame]) -> None:
    assert set(tables["ci_sa"]["SA_STATUS_FLG"]) >= {"20", "50", "60", "70"}
    closed = tables["ci_sa"].filter(pl.col("SA_STATUS_FLG").is_in(["40", "60", "70"]))
    assert (closed["END_DT"] != "").all()
    special = tables["ci_sa_type"].filter(pl.col("SPECIAL_ROLE_FLG") != "")["SA_TYPE_CD"]
    assert "DEP" in set(special)


def cents(column: str) -> pl.Expr:
    return (pl.col(column).cast(pl.Float64) * 100).round().cast(pl.Int64)


def test_a_bill_is_the_sum_of_its_frozen_bs_and_bx_by_parent(tables: dict[str, pl.DataFrame]) -> None:
    charges = tables["ci_ft"].filter(pl.col("FT_TYPE_FLG").is_in(["BS", "BX"]), pl.col("FREEZE_SW") == "Y")
    totals = charges.group_by(pl.col("PARENT_ID").alias("bill_id")).agg(
        charge_cents=cents("TOT_AMT").sum(), current_cents=cents("CUR_AMT").sum()
    )
    utility, night = Utility(900, seed=11), date(2026, 5, 12)
    days = [night - timedelta(days=d) for d in (1, 2, 5, 30, 200, 364)]
    expected = pl.concat([expected_bills(utility, d, as_of=night) for d in days])
    assert expected.height > 100
    complete = expected.filter("is_complete").select("bill_id", "charge_cents", "current_cents")
    assert_frame_equal(complete, totals.join(complete.select("bill_id"), on="bill_id"), check_row_order=False)
    assert ((complete["charge_cents"] > 0) != expected.filter("is_complete")["is_reversed"]).all()
    done = tables["ci_bill"].filter(pl.col("BILL_STAT_FLG") == "C")["BILL_ID"]
    assert set(done) == set(totals["bill_id"])


def test_cancelled_segments_are_reversed_and_the_others_priced(
    tables: dict[str, pl.DataFrame],
) -> None:
    net = (
        tables["ci_ft"]
        .filter(pl.col("FT_TYPE_FLG").is_in(["BS", "BX"]))
        .group_by("SIBLING_ID")
        .agg(net=cents("TOT_AMT").sum())
    )
    segments = tables["ci_bseg"].join(net, left_on="BSEG_ID", right_on="SIBLING_ID", how="left")
    assert set(segments.filter(pl.col("BSEG_STAT_FLG") == "60")["net"]) == {0}
    assert segments.filter(pl.col("BSEG_STAT_FLG") == "60").height > 300
    energy = tables["ci_bseg_sq"].filter(
        (pl.col("TOU_CD") == "") & (pl.col("SQI_CD") == "") & pl.col("UOM_CD").is_in(["KWH", "CCF"])
    )
    standing = segments.filter(pl.col("BSEG_STAT_FLG") == "50").join(energy, on="BSEG_ID")
    assert standing.height == segments.filter(pl.col("BSEG_STAT_FLG") == "50").height
    homes = (
        standing.filter(pl.col("UOM_CD") == "KWH")
        .join(tables["ci_sa"].select("SA_ID", "SA_TYPE_CD"), on="SA_ID")
        .filter(pl.col("SA_TYPE_CD") == "E-RES")
    )
    quantity = pl.col("BILL_SQ").cast(pl.Float64).cast(pl.Int64)
    prices = [1450 + (quantity * price + 50) // 100 for price in (1435, 1390)]
    assert homes.select((pl.col("net") == prices[0]) | (pl.col("net") == prices[1])).to_series().all()


def test_budget_bills_payments_and_fees_follow_the_money_rules(tables: dict[str, pl.DataFrame]) -> None:
    ft = tables["ci_ft"]
    assert ft.filter(pl.col("CUR_AMT") != pl.col("TOT_AMT")).height > 0
    paid = ft.filter(pl.col("FT_TYPE_FLG") == "PS")
    assert set(paid["BILL_ID"]) == {""}
    sums = paid.group_by(pl.col("PARENT_ID").alias("PAY_ID")).agg(cents=-cents("CUR_AMT").sum())
    payments = tables["ci_pay"].select("PAY_ID", cents=cents("PAY_AMT"))
    assert_frame_equal(payments, sums, check_row_order=False)
    adjustments = ft.filter(pl.col("FT_TYPE_FLG") == "AD")
    assert set(adjustments["PARENT_ID"]) == {"LATEFEE", "WRITEOFF"}
    fees = adjustments.filter(pl.col("PARENT_ID") == "LATEFEE")
    assert set(fees["FREEZE_SW"]) == {"Y", "N"}
    assert (fees["BILL_ID"] != "").all()


def test_what_is_left_of_a_bill_is_written_off_after_three_months(tables: dict[str, pl.DataFrame]) -> None:
    ft = tables["ci_ft"].filter(pl.col("FREEZE_SW") == "Y").join(tables["ci_sa"].select("SA_ID", "ACCT_ID"), on="SA_ID")
    balances = ft.group_by("ACCT_ID").agg(cents=cents("CUR_AMT").sum(), last=pl.col("ACCOUNTING_DT").max())
    bills = tables["ci_bill"].group_by("ACCT_ID").agg(newest=pl.col("BILL_DT").max())
    quiet = balances.join(bills.filter(pl.col("newest") < "2026-02-09"), on="ACCT_ID")
    assert quiet.height > 30
    assert set(quiet["cents"]) == {0}
    assert balances.filter(pl.col("cents") != 0).height > 100
    gone = ft.filter(pl.col("PARENT_ID") == "WRITEOFF")
    assert (gone.select(cents("CUR_AMT")).to_series() > 0).any(), "credits go too"


def test_bill_periods_of_an_account_join_without_gap_or_overlap(tables: dict[str, pl.DataFrame]) -> None:
    year = tables["ci_bill"].filter(pl.col("BILL_DT") >= "2025-05-12")  # of older ones only those then unsettled
    periods = tables["ci_bseg"].join(year, on="BILL_ID", how="semi")
    periods = periods.select("SA_ID", "START_DT", "END_DT").unique().sort("SA_ID", "START_DT")
    joined = periods.with_columns(next=pl.col("START_DT").shift(-1).over("SA_ID"))
    assert (joined.drop_nulls()["END_DT"] == joined.drop_nulls()["next"]).all()


def test_billed_quantity_is_the_rounded_sum_of_the_true_reads() -> None:
    utility = Utility(400, seed=5, faults=False, solar_share=0.3)
    day = date(2026, 4, 10)
    customers = Customers(utility, np.arange(400, dtype=np.uint64))
    bills = bills_between(tenancies(customers, day_number(day), day_number(day)), day_number(day), day_number(day))
    segments = segments_of(bills.take(np.arange(4)))
    for row in range(4):
        first, last = int(bills.start[row]), int(bills.end[row])
        fuels = segments.fuel[segments.bill == row]
        quantity = segments.quantity[segments.bill == row]
        sums = true_sums(utility, int(bills.at[row]), first, last)
        assert dict(zip(fuels.tolist(), quantity.tolist(), strict=True)) == {f: sums[f] for f in fuels.tolist()}


def true_sums(utility: Utility, customer: int, first: int, last: int) -> dict[int, int]:
    """Add up one customer's reads without meter faults, interval by interval."""
    from nightwatt.simulator.load import electric_reads, gas_use

    one = Customers(utility, np.array([customer], dtype=np.uint64))
    watt_hours = sum(int(electric_reads(one, day)[0].sum()) for day in range(first, last))
    gas = sum(int(gas_use(one, day).sum()) for day in range(first, last))
    return {0: (watt_hours + 500) // 1000, 1: (gas + 5000) // 10000}


def test_delivered_reads_come_close_to_the_bill() -> None:
    """Estimates and gaps are all that lies between the reads as delivered and the quantity billed."""
    utility = Utility(1, seed=5)
    days = [date(2026, 4, 1) + timedelta(days=d) for d in range(31)]
    bill = pl.concat([expected_bills(utility, day) for day in days])
    assert bill.height == 1
    start, end = bill["start_date"][0], bill["end_date"][0]
    reads = [expected_reads(utility, start + timedelta(days=d)) for d in range((end - start).days)]
    delivered = pl.concat(reads).filter(pl.col("channel") == "E-KWH-15-DEL")["value"].cast(pl.Float64).sum()
    assert delivered == pytest.approx(bill["usage_kwh"][0], rel=0.02)


def test_the_first_night_and_the_deltas_after_it_give_the_last_nights_complete_extract(tmp_path: Path) -> None:
    utility, first, nights = Utility(300, seed=11, faults=False), date(2026, 2, 27), 34
    write_night(utility, first, tmp_path / "n0", first_night=True, systems=["ccb"])
    for n in range(1, nights):
        write_night(utility, first + timedelta(days=n), tmp_path / f"n{n}", systems=["ccb"])
    last = first + timedelta(days=nights - 1)
    write_night(utility, last, tmp_path / "full", first_night=True, systems=["ccb"])
    for name, key in KEYS.items():
        stamps = [f"{first + timedelta(days=n):%Y%m%d}" for n in range(nights)]
        frames = [table(tmp_path / f"n{n}", name, stamp) for n, stamp in enumerate(stamps)]
        merged = pl.concat(frames).unique(key, keep="last", maintain_order=True)
        full = table(tmp_path / "full", name, f"{last:%Y%m%d}")
        assert_frame_equal(full, full.select(key).join(merged, on=key, how="left").select(full.columns))
        changed = sum(f.height for f in frames[1:])
        assert changed > 0 or name in {"ci_sa_type", "ci_prem_geo"}, name
