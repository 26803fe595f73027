"""A world small enough to work out by hand: what the marts must say about it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.dbt.scratch import NOW, Scratch

UPDATED = {"last_update_dttm": NOW}
ADA, BEN = "0000000011", "0000000012"
FLAT, BUILDING = "0000000021", "0000000022"
HOUSE_ACCOUNT = "0000000031"
POWER, GAS, CLOSED = "0000000041", "0000000042", "0000000043"


def at(text: str) -> datetime:
    """Return a UTC instant as the lake keeps it."""
    return datetime.fromisoformat(text)


def rows(*given: dict[str, Any]) -> list[dict[str, Any]]:
    return [UPDATED | row for row in given]


@pytest.fixture(scope="module")
def world(session_scratch: Scratch) -> Scratch:
    """Ada's flat with power and gas, a budget bill, a late and a reversed one; the day the clocks go forward."""
    s = session_scratch
    s.reset()
    s.load("ccb_per", rows({"per_id": ADA, "per_or_bus_flg": "P "}, {"per_id": BEN, "per_or_bus_flg": "P "}))
    s.load(
        "ccb_per_name",
        rows(
            {"per_id": ADA, "seq_num": 1, "entity_name": "Testperson,Ada", "name_type_flg": "PRIM"},
            {"per_id": ADA, "seq_num": 2, "entity_name": "Testperson,Alias", "name_type_flg": "ALT "},
        ),
    )
    s.load("ccb_acct", rows({"acct_id": HOUSE_ACCOUNT, "cust_cl_cd": "RES     ", "mailing_prem_id": FLAT}))
    s.load(
        "ccb_acct_per",
        rows(
            {"acct_id": HOUSE_ACCOUNT, "per_id": ADA, "main_cust_sw": "Y"},
            {"acct_id": HOUSE_ACCOUNT, "per_id": BEN, "main_cust_sw": "N"},
        ),
    )
    flat = {"prem_id": FLAT, "postal": "00501", "address1": "1 Invented Way  ", "address2": "    "}
    building = {"prem_id": BUILDING, "address1": "1 Invented Way  ", "prem_type_cd": "BLDG    "}
    s.load("ccb_prem", rows(flat | {"prnt_prem_id": BUILDING}, building))
    s.load(
        "ccb_sa_type", rows(*({"cis_division": "N", "sa_type_cd": t, "svc_type_cd": t[0] + " "} for t in ("E", "G")))
    )
    s.load(
        "ccb_sa",
        rows(
            {"sa_id": "S1", "acct_id": HOUSE_ACCOUNT, "cis_division": "N", "sa_type_cd": "E", "sa_status_flg": "20"},
            {"sa_id": "S2", "acct_id": HOUSE_ACCOUNT, "cis_division": "N", "sa_type_cd": "G", "sa_status_flg": "50"},
        ),
    )
    s.load(
        "ccb_sa_sp",
        rows(
            {"sa_sp_id": "L1", "sa_id": "S1", "sp_id": POWER, "start_dttm": at("2025-01-01T05:00")},
            {"sa_sp_id": "L2", "sa_id": "S2", "sp_id": GAS, "start_dttm": at("2025-01-01T05:00")},
        ),
    )
    point = {"prem_id": FLAT, "sp_src_status_flg": "C "}
    s.load("ccb_sp", rows(*(point | {"sp_id": p} for p in (POWER, GAS, CLOSED))), business_date=date(2026, 3, 8))
    s.load("ccb_sp", rows(*(point | {"sp_id": p} for p in (POWER, GAS))), business_date=date(2026, 3, 9))
    s.load("ccb_mtr", rows({"mtr_id": "M1", "retire_dt": date(2026, 2, 1)}, {"mtr_id": "M2"}))
    s.load("ccb_mtr_config", rows(*({"mtr_config_id": f"C{n}", "mtr_id": f"M{n}"} for n in (1, 2))))
    s.load(
        "ccb_sp_mtr_hist",
        rows(
            {"sp_mtr_hist_id": "H1", "sp_id": POWER, "mtr_config_id": "C1", "removal_dttm": at("2026-02-01T15:00")},
            {"sp_mtr_hist_id": "H2", "sp_id": POWER, "mtr_config_id": "C2"},
        ),
    )
    _bills(s)
    _reads(s)
    s.build(full=True)
    return s


def _bills(s: Scratch) -> None:
    s.load("ccb_bill", rows(*({"bill_id": b, "acct_id": HOUSE_ACCOUNT, "bill_stat_flg": "C "} for b in ("B1", "B2"))))
    period = {"start_dt": date(2026, 1, 5), "end_dt": date(2026, 2, 5)}
    s.load(
        "ccb_bseg",
        rows(
            period | {"bseg_id": "G1", "bill_id": "B1", "sa_id": "S1", "bseg_stat_flg": "50  ", "est_sw": "Y"},
            period | {"bseg_id": "G2", "bill_id": "B1", "sa_id": "S2", "bseg_stat_flg": "60  "},
            period | {"bseg_id": "G3", "bill_id": "B1", "sa_id": "S2", "bseg_stat_flg": "50  "},
            period | {"bseg_id": "G4", "bill_id": "B2", "sa_id": "S1", "bseg_stat_flg": "60  "},
        ),
    )
    s.load(
        "ccb_bseg_sq",
        rows(
            {"bseg_id": "G1", "uom_cd": "KWH ", "bill_sq": "410.5"},
            {"bseg_id": "G1", "uom_cd": "KWH ", "tou_cd": "ONPK    ", "bill_sq": "164.2"},
            {"bseg_id": "G2", "uom_cd": "CCF ", "bill_sq": "99"},
            {"bseg_id": "G3", "uom_cd": "CCF ", "bill_sq": "31"},
        ),
    )

    def money(number: int, kind: str, parent: str, current: str, total: str, frozen: str = "Y") -> dict[str, Any]:
        amounts = {"cur_amt": current, "tot_amt": total, "freeze_sw": frozen, "bill_id": "B1"}
        return {"ft_id": f"F{number}", "ft_type_flg": kind, "parent_id": parent, "sa_id": "S1"} | amounts

    s.load(
        "ccb_ft",
        rows(
            money(1, "BS", "B1", "60.00", "80.10"),  # budget billed
            money(2, "BS", "B1", "40.00", "40.00"),  # the segment cancelled below
            money(3, "BX", "B1", "-40.00", "-40.00"),
            money(4, "BS", "B1", "35.25", "35.25"),
            money(5, "BS", "B1", "7.77", "7.77", frozen="N"),
            money(6, "AD", "LATEFEE", "5.00", "5.00"),
            money(7, "PS", "P1", "-95.25", "-95.25"),
            money(8, "BS", "B2", "12.00", "12.00"),
            money(9, "BX", "B2", "-12.00", "-12.00"),
        ),
    )


def _reads(s: Scratch) -> None:
    def day(
        point: str, local: str, start: str, count: int, minutes: int, value: str, **more: Any
    ) -> list[dict[str, Any]]:
        first, step = at(start), timedelta(minutes=minutes)
        common = {"service_point_id": point, "read_date": date.fromisoformat(local), "interval_min": minutes}
        return [common | {"interval_start_at": first + n * step, "value": value} | more for n in range(count)]

    gas = {"unit": "ccf", "commodity": "gas"}
    spring = day(POWER, "2026-03-08", "2026-03-08T05:00", 92, 15, "0.25000001")
    spring[7] |= {"value": "1.5"}
    spring[50] |= {"value": "1.5", "quality": "estimated"}
    spring[51] |= {"value": None, "quality": "missing"}
    autumn = day(POWER, "2025-11-02", "2025-11-02T04:00", 100, 15, "0.1")
    del autumn[4]
    s.merge(spring + autumn + day(GAS, "2026-03-08", "2026-03-08T05:00", 23, 60, "0.5", **gas))


def test_the_customer_is_named_and_active(world: Scratch) -> None:
    sql = """select customer_id, customer_name, person_type_code, account_count, is_active
             from marts.dim_customer order by 1"""
    assert [tuple(r.values()) for r in world.rows(sql)] == [
        (ADA, "Testperson,Ada", "P", 1, True),
        (BEN, None, "P", 0, False),
    ]


def test_the_account_has_both_commodities_because_reactivated_is_live(world: Scratch) -> None:
    sql = """select account_id, customer_id, customer_class_code, live_agreement_count, has_electricity, has_gas
             from marts.dim_account"""
    assert [tuple(r.values()) for r in world.rows(sql)] == [(HOUSE_ACCOUNT, ADA, "RES", 2, True, True)]


def test_blank_padded_text_is_trimmed_and_zeros_stay(world: Scratch) -> None:
    sql = """select premise_id, postal_code, address_line_1, address_line_2, service_point_count
             from marts.dim_premise where premise_type_code is distinct from 'BLDG'"""
    assert [tuple(r.values()) for r in world.rows(sql)] == [(FLAT, "00501", "1 Invented Way", None, 3)]


def test_a_building_is_a_premise_without_service_points(world: Scratch) -> None:
    sql = """select premise_id, service_point_count, postal_code, address_line_1
             from marts.dim_premise where premise_type_code = 'BLDG'"""
    assert [tuple(r.values()) for r in world.rows(sql)] == [(BUILDING, 0, None, "1 Invented Way")]


def test_service_points_know_agreement_meter_and_absence(world: Scratch) -> None:
    sql = """select service_point_id, service_point_status, commodity, service_agreement_id, meter_id,
                    is_absent, has_reads
             from marts.dim_service_point order by 1"""
    assert [tuple(r.values()) for r in world.rows(sql)] == [
        (POWER, "in_service", "electricity", "S1", "M2", False, True),
        (GAS, "in_service", "gas", "S2", None, False, True),
        (CLOSED, "closed", None, None, None, True, False),
    ]


def test_the_exchanged_meter_is_retired(world: Scratch) -> None:
    sql = "select meter_id, service_point_id, is_installed, is_retired from marts.dim_meter order by 1"
    assert [tuple(r.values()) for r in world.rows(sql)] == [("M1", POWER, False, True), ("M2", POWER, True, False)]


def test_bills_are_what_their_frozen_segment_transactions_say(world: Scratch) -> None:
    sql = """select bill_id, bill_status, current_amount_usd, total_amount_usd, billed_usage_kwh, billed_usage_ccf,
                    is_estimated, segment_count, agreement_count, transaction_count
             from marts.fct_bills order by 1"""
    assert [tuple(r.values()) for r in world.rows(sql)] == [
        ("B1", "issued", Decimal("95.25"), Decimal("115.35"), Decimal("410.5"), Decimal("31"), True, 3, 2, 4),
        ("B2", "reversed", Decimal("0.00"), Decimal("0.00"), None, None, False, 1, 1, 2),
    ]


def test_days_add_up_exactly_over_the_clock_changes(world: Scratch) -> None:
    sql = """select service_point_id, usage_date, unit, usage_quantity, peak_interval_quantity, peak_interval_at,
                    reads_received, reads_expected, reads_missing, reads_estimated
             from marts.fct_usage_daily order by 1, 2"""
    assert [tuple(r.values()) for r in world.rows(sql)] == [
        (POWER, date(2025, 11, 2), "kWh", Decimal("9.9"), Decimal("0.1"), at("2025-11-02T04:00"), 99, 100, 1, 0),
        # 89 x 0.25000001 + 2 x 1.5; the first of the equal peaks, 7 quarter hours after local midnight
        (POWER, date(2026, 3, 8), "kWh", Decimal("25.25000089"), Decimal("1.5"), at("2026-03-08T06:45"), 91, 92, 1, 1),
        (GAS, date(2026, 3, 8), "ccf", Decimal("11.5"), Decimal("0.5"), at("2026-03-08T05:00"), 23, 23, 0, 0),
    ]


def test_months_are_partial_until_every_day_is_there(world: Scratch) -> None:
    sql = """select service_point_id, usage_month, usage_quantity, days_present, days_expected, is_partial,
                    reads_missing
             from marts.fct_usage_monthly order by 1, 2"""
    assert [tuple(r.values()) for r in world.rows(sql)] == [
        (POWER, date(2025, 11, 1), Decimal("9.9"), 1, 30, True, 1),
        (POWER, date(2026, 3, 1), Decimal("25.25000089"), 1, 31, True, 1),
        (GAS, date(2026, 3, 1), Decimal("11.5"), 1, 31, True, 0),
    ]


def test_the_ledger_is_copied_row_for_row(world: Scratch) -> None:
    sql = "select count(*) as receipts, (select count(*) from marts.ops_loads) as loads from marts.ops_receipts"
    ledger = world.rows("select (select count(*) from lake.receipts) r, (select count(*) from lake.loads) l")
    assert world.rows(sql) == [{"receipts": ledger[0]["r"], "loads": ledger[0]["l"]}]
