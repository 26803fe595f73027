"""Places, things, contracts and usage of the customer picture, in a world small enough to work out by hand."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from tests.dbt.scratch import NOW, Scratch

UPDATED = {"last_update_dttm": NOW}


def at(text: str) -> datetime:
    """Return a UTC instant as the lake keeps it."""
    return datetime.fromisoformat(text)


def rows(*given: dict[str, Any]) -> list[dict[str, Any]]:
    return [UPDATED | row for row in given]


def tuples(scratch: Scratch, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in scratch.rows(sql)]


def people(s: Scratch) -> None:
    """Ada (A1) lives in the flat, Ben (A2) did before her; A3 is Cora's shop."""
    persons = ("0000000011", "0000000012", "0000000013")
    s.load("ccb_per", rows(*({"per_id": p, "per_or_bus_flg": "P ", "language_cd": "ENG"} for p in persons)))
    s.load(
        "ccb_per_name",
        rows(
            *(
                {"per_id": p, "seq_num": 1, "entity_name": f"Testperson,{n}", "name_type_flg": "PRIM"}
                for p, n in zip(persons, ("Ada", "Ben", "Cora"), strict=True)
            )
        ),
    )
    account = {"cust_cl_cd": "RES     ", "bill_cyc_cd": "07  ", "currency_cd": "USD", "bill_rte_type_cd": "POSTAL  "}
    s.load("ccb_acct", rows(*(account | {"acct_id": f"000000003{n}"} for n in (1, 2, 3))))
    s.load(
        "ccb_acct_per",
        rows(
            *(
                {"acct_id": f"000000003{n}", "per_id": persons[n - 1], "main_cust_sw": "Y", "fin_resp_sw": "Y"}
                for n in (1, 2, 3)
            )
        ),
    )


def places(s: Scratch) -> None:
    """A building with a flat, a shop of its own, and premises that are wrong in one way each."""
    home = {"prem_type_cd": "RES     ", "time_zone_cd": "EST       ", "city": "Ohmstead", "state": "NY    "}
    flat = home | {"address1": "1 Invented Way  ", "postal": "00501"}
    s.load(
        "ccb_prem",
        rows(
            flat | {"prem_id": "HOUSE", "prem_type_cd": "BLDG    ", "mr_instr_cd": "    "},
            flat | {"prem_id": "FLAT", "prnt_prem_id": "HOUSE", "address2": "APT 1", "mr_warn_cd": "DOG "},
            home | {"prem_id": "SHOP", "prem_type_cd": "COM     ", "mr_instr_cd": "CALL", "address1": "2 Invented Way"},
            home | {"prem_id": "ODD", "prem_type_cd": "YURT    "},
            home | {"prem_id": "LOST", "prnt_prem_id": "NOWHERE"},
            home | {"prem_id": "LOOP1", "prnt_prem_id": "LOOP2"},
            home | {"prem_id": "LOOP2", "prnt_prem_id": "LOOP1"},
            home | {"prem_id": "BELOW", "prnt_prem_id": "LOOP1"},
            home | {"prem_id": "SELF", "prnt_prem_id": "SELF"},
            home | {"prem_id": "OFTEN", "prnt_prem_id": "ODD"},
        ),
    )
    s.load(
        "ccb_prem_geo",
        rows(
            {"prem_id": "FLAT", "geo_type_cd": "LAT/LONG", "geo_val": "41.123456,-73.123456 "},
            {"prem_id": "FLAT", "geo_type_cd": "GRID    ", "geo_val": "17 B"},
            {"prem_id": "SHOP", "geo_type_cd": "LAT/LONG", "geo_val": "somewhere"},
            {"prem_id": "HOUSE", "geo_type_cd": "LAT/LONG", "geo_val": "141.0,-73.0"},
        ),
    )
    point = {"sp_type_cd": "E-RES   ", "sp_src_status_flg": "C ", "install_dt": date(1999, 1, 1)}
    s.load(
        "ccb_sp",
        rows(
            point | {"sp_id": "P-POWER", "prem_id": "FLAT", "fac_lvl_2_cd": "FDR-1"},
            point | {"sp_id": "P-GAS", "prem_id": "FLAT", "sp_type_cd": "G-RES   "},
            point | {"sp_id": "P-SUN", "prem_id": "SHOP", "sp_type_cd": "E-SOL   "},
            point | {"sp_id": "P-CUT", "prem_id": "SHOP", "sp_src_status_flg": "D "},
            point | {"sp_id": "P-GONE", "prem_id": "SHOP", "abolish_dt": date(2020, 1, 1)},
            point | {"sp_id": "P-ODD", "prem_id": "SHOP", "sp_src_status_flg": "Q "},
            point | {"sp_id": "P-TYPE", "prem_id": "SHOP", "sp_type_cd": "LAVA    "},
            point | {"sp_id": "P-LOST", "prem_id": "NOWHERE"},
            point | {"sp_id": "P-BELOW", "prem_id": "BELOW"},
        ),
    )


def meters(s: Scratch) -> None:
    """M1 was exchanged for M2 in the flat; M3 lies in the store; two meters have one badge."""
    s.load(
        "ccb_mtr",
        rows(
            {"mtr_id": "M1", "badge_nbr": "E007", "serial_nbr": "000111", "retire_dt": date(2026, 2, 1)},
            {"mtr_id": "M2", "badge_nbr": "E007", "serial_nbr": "000222", "mtr_type_cd": "EAMI15  "},
            {"mtr_id": "M3", "badge_nbr": "    ", "serial_nbr": "000333"},
            {"mtr_id": "M4", "badge_nbr": "E008", "serial_nbr": "000444"},
        ),
    )
    configured = {1: "2024-01-01T16:00", 2: "2026-02-01T15:00", 4: "2025-01-01T15:00"}
    s.load(
        "ccb_mtr_config",
        rows(*({"mtr_config_id": f"C{n}", "mtr_id": f"M{n}", "eff_dttm": at(t)} for n, t in configured.items())),
    )
    s.load(
        "ccb_sp_mtr_hist",
        rows(
            # 1 February in UTC, still the last evening of January where the meter hung
            {"sp_mtr_hist_id": "H1", "sp_id": "P-POWER", "mtr_config_id": "C1", "removal_dttm": at("2026-02-01T04:30")},
            {"sp_mtr_hist_id": "H2", "sp_id": "P-POWER", "mtr_config_id": "C2"},
            {"sp_mtr_hist_id": "H4", "sp_id": "P-LOST", "mtr_config_id": "C4"},
        ),
    )


def contracts(s: Scratch) -> None:
    """Ada's power and gas, Ben's before her, a deposit, and agreements that are wrong in one way each."""
    types = (("E-RES   ", "E ", "  "), ("G-RES   ", "G ", "  "), ("DEP     ", "E ", "CD"), ("H-RES   ", "H ", "  "))
    s.load(
        "ccb_sa_type",
        rows(
            *(
                {"cis_division": "N", "sa_type_cd": code, "svc_type_cd": service, "special_role_flg": role}
                for code, service, role in types
            )
        ),
    )
    power = {
        "acct_id": "0000000031", "cis_division": "N", "sa_type_cd": "E-RES   ", "sa_status_flg": "20",
        "start_dt": date(2025, 1, 1), "strt_rsn_flg": "MVIN",
    }  # fmt: skip
    left = {"sa_status_flg": "60", "start_dt": date(2023, 1, 1), "end_dt": date(2025, 1, 1), "stop_rsn_flg": "MVOT"}
    s.load(
        "ccb_sa",
        rows(
            power | {"sa_id": "S-ADA"},
            power | {"sa_id": "S-GAS", "sa_type_cd": "G-RES   ", "sa_status_flg": "50"},
            power | {"sa_id": "S-BEN", "acct_id": "0000000032"} | left,
            power | {"sa_id": "S-LEAVE", "sa_status_flg": "30", "end_dt": date(2026, 3, 20), "acct_id": "0000000033"},
            power | {"sa_id": "S-NEXT", "sa_status_flg": "10", "start_dt": date(2026, 3, 20)},
            power | {"sa_id": "S-DEP", "sa_type_cd": "DEP     "},
            power | {"sa_id": "S-HEAT", "sa_type_cd": "H-RES   "},
            power | {"sa_id": "S-TYPE", "sa_type_cd": "WHAT    "},
            power | {"sa_id": "S-ODD", "sa_status_flg": "99"},
            power | {"sa_id": "S-NOACC", "acct_id": "0000000099"},
            power | {"sa_id": "S-BACK", "end_dt": date(2024, 1, 1)},
            power | {"sa_id": "S-NOSTART", "start_dt": None},
            power | {"sa_id": "S-TWICE", "acct_id": "0000000033"},
        ),
    )
    s.load(
        "ccb_sa_rs_hist",
        rows(
            {"sa_id": "S-ADA", "effdt": date(2025, 1, 1), "rs_cd": "E-RES-1 "},
            {"sa_id": "S-ADA", "effdt": date(2025, 4, 1), "rs_cd": "E-RES-TU"},
            {"sa_id": "S-ADA", "effdt": date(2026, 4, 1), "rs_cd": "E-FUTURE"},
            {"sa_id": "S-GAS", "effdt": date(2025, 1, 1), "rs_cd": "G-RES-1 "},
            {"sa_id": "S-BEN", "effdt": date(2023, 1, 1), "rs_cd": "E-RES-1 "},
            {"sa_id": "S-DEP", "effdt": date(2023, 1, 1), "rs_cd": "DEPOSIT "},
        ),
    )
    new_year, old = at("2025-01-01T05:00"), at("2023-01-01T05:00")
    link = {"usage_flg": "+ ", "use_pct": 100, "sp_id": "P-POWER", "start_dttm": new_year}
    s.load(
        "ccb_sa_sp",
        rows(
            link | {"sa_sp_id": "L-BEN", "sa_id": "S-BEN", "start_dttm": old, "stop_dttm": new_year},
            link | {"sa_sp_id": "L-ADA", "sa_id": "S-ADA"},
            link | {"sa_sp_id": "L-GAS", "sa_id": "S-GAS", "sp_id": "P-GAS"},
            link | {"sa_sp_id": "L-DEP", "sa_id": "S-DEP"},
            link | {"sa_sp_id": "L-LEAVE", "sa_id": "S-LEAVE", "sp_id": "P-SUN"},
            link | {"sa_sp_id": "L-TWICE", "sa_id": "S-TWICE", "sp_id": "P-SUN", "start_dttm": at("2026-01-01T05:00")},
            link | {"sa_sp_id": "L-NOSA", "sa_id": "S-NOBODY", "usage_flg": "- "},
            link | {"sa_sp_id": "L-NOSP", "sa_id": "S-NEXT", "sp_id": "P-LOST"},
        ),
    )


@pytest.fixture(scope="module")
def world(session_scratch: Scratch) -> Scratch:
    s = session_scratch
    s.reset()
    for part in (people, places, meters, contracts):
        part(s)
    s.build(full=True)
    return s


def test_codes_of_ccb_are_decoded_by_the_lists_and_others_named(world: Scratch) -> None:
    sql = """select native_id, unknown_codes from intermediate.int_ccb__canonical_service_points
             where unknown_codes <> [] order by 1"""
    assert tuples(world, sql) == [
        ("P-ODD", ["service_point_status=Q"]),
        ("P-TYPE", ["service_point_type_code=LAVA"]),
    ]
    sql = """select native_id, unknown_codes from intermediate.int_ccb__canonical_service_agreements
             where unknown_codes <> [] order by 1"""
    assert tuples(world, sql) == [
        ("S-HEAT", ["commodity=H"]),
        ("S-ODD", ["agreement_status=99"]),
        ("S-TYPE", ["agreement_type=WHAT"]),
    ]
