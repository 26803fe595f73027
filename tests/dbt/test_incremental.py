"""Building night by night and building everything at once give the same tables, whatever comes in which order."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from tests.dbt.scratch import NOW, Scratch

USAGE = ("fct_usage_daily", "fct_usage_monthly", "dim_service_point")
BILLING = ("fct_bills", "dim_customer", "dim_account", "dim_premise", "dim_service_point", "dim_meter")
LATEST = (
    "bills", "bill_segments", "bill_segment_quantities", "financial_transactions", "payments", "agreement_rates",
    "person_contacts", "account_autopays", "premise_locations",
)  # fmt: skip
NIGHTS = 3


def _tables(scratch: Scratch, names: tuple[str, ...]) -> dict[str, list[tuple[Any, ...]]]:
    relations = {n: f"intermediate.{n}" if n.startswith("int_") else f"marts.{n}" for n in names}
    return {
        n: [tuple(r.values()) for r in scratch.rows(f"select * from {r} order by all")] for n, r in relations.items()
    }


def _agrees_with_a_rebuild(scratch: Scratch, chain: str, names: tuple[str, ...]) -> None:
    by_night = _tables(scratch, names)
    scratch.dbt("run", "--select", chain, "--full-refresh")
    assert by_night == _tables(scratch, names)
    assert all(by_night.values()), "a table without rows proves nothing"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
def test_nights_of_usage_equal_a_rebuild(scratch: Scratch, seed: int) -> None:
    """Late reads, corrections, reads that turn missing, units that change, months that end."""
    chance = random.Random(seed)
    scratch.dbt("seed")
    for night in range(NIGHTS):
        scratch.merge(_reads(chance, night))
        scratch.dbt("run", "--select", "tag:usage")
    _agrees_with_a_rebuild(scratch, "tag:usage", USAGE)


@pytest.mark.slow
def test_days_and_months_that_lost_all_their_reads_do_not_stay(scratch: Scratch) -> None:
    """Reads move to another local day when their zone is corrected; other keys of the day keep their rows."""
    start = datetime(2026, 3, 1, 5, 30)  # noqa: DTZ001  (UTC; the day before in Chicago)
    moved = {"interval_start_at": start, "read_date": date(2026, 3, 1)}
    kept = moved | {"service_point_id": "0000000002"}
    scratch.dbt("seed")
    scratch.merge([moved, kept])
    scratch.dbt("run", "--select", "tag:usage")
    scratch.merge([moved | {"read_date": date(2026, 2, 28), "zone": "America/Chicago"}])
    scratch.touch([("0000000001", "delivered", day) for day in (date(2026, 2, 28), date(2026, 3, 1))] * 2)
    scratch.dbt("run", "--select", "tag:usage")

    daily = scratch.rows("select service_point_id, usage_date as at from marts.fct_usage_daily order by all")
    monthly = scratch.rows("select service_point_id, usage_month as at from marts.fct_usage_monthly order by all")

    assert [tuple(r.values()) for r in daily] == [
        ("0000000001", date(2026, 2, 28)),
        ("0000000002", date(2026, 3, 1)),
    ]
    assert [tuple(r.values()) for r in monthly] == [
        ("0000000001", date(2026, 2, 1)),
        ("0000000002", date(2026, 3, 1)),
    ]
    _agrees_with_a_rebuild(scratch, "tag:usage", USAGE)


def test_since_when_the_crm_may_have_a_point_outlives_a_full_refresh(scratch: Scratch) -> None:
    """A change of a code list builds everything anew, and is what makes points known."""
    chain = ("run", "--select", "int_usage__service_points", "int_usage__known_points")

    def build(good: Sequence[str], *options: str) -> dict[str, int | None]:
        with scratch.connect() as con:
            con.execute("create schema if not exists intermediate")
            con.execute(
                "create or replace table intermediate.int_canonical__service_points as "
                "select 'CCB|SP|' || unnest as service_point_key, 'CCB' as source_system, unnest as native_id, "
                "[]::struct(code varchar, field varchar, detail varchar, is_blocking boolean)[] as faults "
                "from unnest(?::varchar[])",
                [list(good)],
            )
        scratch.dbt(*chain, *options)
        known = scratch.rows("select * from intermediate.int_usage__known_points")
        return {row["service_point_id"]: row["known_since_sequence"] for row in known}

    assert build("AB") == {"A": 0, "B": 0}
    load = scratch.load("ccb_sp", [])
    assert build("AC", "--full-refresh") == {"A": 0, "B": None, "C": load + 1}
    later = scratch.load("ccb_sp", [])
    assert build("ABC", "--full-refresh") == {"A": 0, "B": later + 1, "C": load + 1}


def _reads(chance: random.Random, night: int) -> list[dict[str, Any]]:
    made = []
    for _ in range(40):
        day = date(2026, 2, 27) + timedelta(days=chance.randrange(6))
        start = datetime(day.year, day.month, day.day, 5 + chance.randrange(6))  # noqa: DTZ001
        is_missing = chance.random() < 0.1
        quality = "missing" if is_missing else chance.choice(["actual", "actual", "estimated", "substituted"])
        made.append(
            {
                "service_point_id": f"000000000{chance.randrange(3)}",
                "channel": chance.choice(["delivered", "received"]),
                "read_date": day,
                "interval_start_at": start,
                "interval_min": chance.choice([60, 60, 60, 30]),
                "value": None if is_missing else f"{chance.randrange(4)}.{chance.randrange(10**8):08d}",
                "unit": chance.choice(["kWh"] * 9 + ["kvarh"]),
                "quality": quality,
                "last_updated_at": NOW + timedelta(hours=night + chance.randrange(-2, 3)),
            }
        )
    return made


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2])
def test_nights_of_billing_equal_a_rebuild(scratch: Scratch, seed: int) -> None:
    """Late transactions, moved segments, old versions after new ones, loads that end out of order."""
    chance = random.Random(seed)
    scratch.dbt("seed")
    for number, feed in enumerate(MAKERS, 101):
        scratch.load(feed, _rows(chance, feed, 20), sequence=number)
    scratch.dbt("run", "--select", "tag:billing")
    for night, numbers in enumerate(((203, 205, 206), (201, 207, 204), (202, 208, 209)), 1):
        for number in numbers:
            feed = chance.choice([*MAKERS, "ccb_bseg", "ccb_bseg_sq", "ccb_ft", "ccb_ft"])
            day, is_complete = date(2026, 3, 9) + timedelta(days=night), chance.random() < 0.7
            scratch.load(feed, _rows(chance, feed, 3), business_date=day, is_complete=is_complete, sequence=number)
        scratch.dbt("run", "--select", "tag:billing")
    latest = tuple(f"int_ccb__latest_{name}" for name in LATEST)
    _agrees_with_a_rebuild(scratch, "tag:billing", (*BILLING, *latest))


def _rows(chance: random.Random, feed: str, count: int) -> list[dict[str, Any]]:
    return [MAKERS[feed](chance) | {"last_update_dttm": _stamp(chance)} for _ in range(count)]


def _stamp(chance: random.Random) -> datetime | None:
    return None if chance.random() < 0.05 else NOW + timedelta(hours=chance.randrange(4))


def _one_of(prefix: str, count: int, chance: random.Random) -> str:
    return f"{prefix}{chance.randrange(count)}"


def _link(chance: random.Random) -> dict[str, Any]:
    stopped = NOW if chance.random() < 0.3 else None
    return {
        "sa_sp_id": _one_of("L", 6, chance),
        "sa_id": _one_of("S", 4, chance),
        "sp_id": _one_of("P", 4, chance),
        "start_dttm": NOW - timedelta(days=chance.randrange(9)),
        "stop_dttm": stopped,
    }


def _segment(chance: random.Random) -> dict[str, Any]:
    return {
        "bseg_id": _one_of("G", 14, chance),
        "bill_id": _one_of("B", 12, chance),
        "sa_id": _one_of("S", 4, chance),
        "bseg_stat_flg": chance.choice(["50  ", "50  ", "60  ", "30  "]),
        "est_sw": chance.choice("YN"),
        "start_dt": date(2026, 1, 1 + chance.randrange(9)),
        "end_dt": date(2026, 2, 1 + chance.randrange(9)),
    }


def _quantity(chance: random.Random) -> dict[str, Any]:
    return {
        "bseg_id": _one_of("G", 14, chance),
        "uom_cd": chance.choice(["KWH ", "CCF ", "KW  "]),
        "tou_cd": chance.choice([None, None, "ONPK"]),
        "bill_sq": chance.randrange(900),
    }


def _transaction(chance: random.Random) -> dict[str, Any]:
    return {
        "ft_id": _one_of("F", 20, chance),
        "ft_type_flg": chance.choice(["BS", "BS", "BX", "AD"]),
        "parent_id": _one_of("B", 12, chance),
        "cur_amt": chance.randrange(-99, 99),
        "tot_amt": chance.randrange(99),
        "freeze_sw": chance.choice("YYYN"),
        "sa_id": _one_of("S", 4, chance),
    }


def _agreement(chance: random.Random) -> dict[str, Any]:
    return {
        "sa_id": _one_of("S", 4, chance),
        "acct_id": _one_of("A", 3, chance),
        "cis_division": "N",
        "sa_type_cd": chance.choice("EG"),
        "sa_status_flg": chance.choice(["10", "20", "50", "60", "70", "99"]),
    }


def _point(chance: random.Random) -> dict[str, Any]:
    return {
        "sp_id": _one_of("P", 4, chance),
        "prem_id": _one_of("H", 3, chance),
        "sp_src_status_flg": chance.choice(["C ", "D ", "Z "]),
    }


def _role(chance: random.Random) -> dict[str, Any]:
    return {"acct_id": _one_of("A", 3, chance), "per_id": _one_of("1", 3, chance), "main_cust_sw": chance.choice("YN")}


MAKERS: dict[str, Callable[[random.Random], dict[str, Any]]] = {
    "ccb_bill": lambda c: {
        "bill_id": _one_of("B", 12, c),
        "acct_id": _one_of("A", 3, c),
        "bill_stat_flg": c.choice(["C ", "P ", "Z "]),
    },
    "ccb_bseg": _segment,
    "ccb_bseg_sq": _quantity,
    "ccb_ft": _transaction,
    "ccb_sa": _agreement,
    "ccb_sa_sp": _link,
    "ccb_sa_type": lambda c: {"cis_division": "N", "sa_type_cd": c.choice("EG"), "svc_type_cd": c.choice("EG")},
    "ccb_sp": _point,
    "ccb_prem": lambda c: {"prem_id": _one_of("H", 3, c), "city": c.choice("XYZ")},
    "ccb_per": lambda c: {"per_id": _one_of("1", 3, c), "language_cd": c.choice(["ENG", "SPA"])},
    "ccb_per_name": lambda c: {
        "per_id": _one_of("1", 3, c),
        "seq_num": c.randrange(2),
        "entity_name": c.choice("XYZ"),
        "name_type_flg": "PRIM",
    },
    "ccb_acct": lambda c: {"acct_id": _one_of("A", 3, c), "bill_cyc_cd": c.choice("XYZ")},
    "ccb_acct_per": _role,
    "ccb_pay": lambda c: {"pay_id": _one_of("Y", 5, c), "acct_id": _one_of("A", 3, c), "pay_amt": c.randrange(99)},
    "ccb_sa_rs_hist": lambda c: {
        "sa_id": _one_of("S", 4, c),
        "effdt": date(2026, 1, 1 + c.randrange(3)),
        "rs_cd": c.choice("XYZ"),
    },
    "ccb_per_contdet": lambda c: {
        "contact_id": _one_of("D", 5, c),
        "per_id": _one_of("1", 3, c),
        "contact_value": c.choice("XYZ"),
    },
    "ccb_acct_apay": lambda c: {"acct_apay_id": _one_of("U", 4, c), "acct_id": _one_of("A", 3, c)},
    "ccb_prem_geo": lambda c: {
        "prem_id": _one_of("H", 3, c),
        "geo_type_cd": c.choice(["LAT/LONG", "GRID    "]),
        "geo_val": c.choice("XYZ"),
    },
    "ccb_mtr": lambda c: {"mtr_id": _one_of("M", 3, c), "badge_nbr": c.choice("XYZ")},
    "ccb_mtr_config": lambda c: {"mtr_config_id": _one_of("C", 4, c), "mtr_id": _one_of("M", 3, c)},
    "ccb_sp_mtr_hist": lambda c: {
        "sp_mtr_hist_id": _one_of("H", 5, c),
        "sp_id": _one_of("P", 4, c),
        "mtr_config_id": _one_of("C", 4, c),
        "removal_dttm": c.choice([None, NOW]),
    },
}
"""A random row of each feed, from ids so few that everything meets everything."""
