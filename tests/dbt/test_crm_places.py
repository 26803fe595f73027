"""Places, things, contracts and usage of the customer picture, in a world small enough to work out by hand."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
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
    s.load(
        "ccb_per_name",
        [
            {"per_id": "0000000011", "seq_num": 1, "entity_name": "Oldname,Ada", "name_type_flg": "PRIM"}
            | {"last_update_dttm": at("2025-08-01T14:00")},
            {"per_id": "0000000011", "seq_num": 2, "entity_name": "Alias,A", "name_type_flg": "ALT "}
            | {"last_update_dttm": at("2025-09-01T14:00")},
        ],
    )
    before = {"per_id": "0000000011", "per_or_bus_flg": "P "}
    s.load("ccb_per", [before | {"language_cd": "SPA", "last_update_dttm": at("2025-07-01T14:00")}])
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
            home | {"prem_id": "UNDER", "prnt_prem_id": "ODD"},
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
    s.load("ccb_sp", rows(point | {"sp_id": "P-CLOSED", "prem_id": "SHOP"}), business_date=date(2026, 3, 8))
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
    hung = {"sp_mtr_hist_id": "H1", "sp_id": "P-POWER", "mtr_config_id": "C1"}
    s.load("ccb_sp_mtr_hist", [hung | {"last_update_dttm": at("2024-01-02T12:00")}])


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
    s.load("ccb_sa", [power | {"sa_id": "S-ADA", "sa_status_flg": "10", "last_update_dttm": at("2024-12-29T12:00")}])
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


def usage(s: Scratch) -> None:
    """A read a day: January and February of the flat whole, March begun; a point nobody knows; a unit that changed."""
    s.merge(
        [
            *day_reads("P-POWER", date(2026, 1, 1), 31, "1"),  # 31
            *day_reads("P-POWER", date(2026, 2, 1), 28, "1.5"),  # 42: the mean of both is 36.5
            *day_reads("P-POWER", date(2026, 3, 1), 8, "100"),
            *day_reads("P-POWER", date(2026, 1, 1), 31, "900", channel="received"),
            *day_reads("P-POWER", date(2025, 2, 1), 28, "500"),
            *day_reads("P-NOBODY", date(2026, 3, 5), 3, "1"),
            *day_reads("P-LOST", date(2026, 3, 7), 1, "1"),
            *day_reads("P-GAS", date(2026, 3, 8), 1, "1", commodity="gas", unit="ccf", interval_min=960),
            *day_reads("P-GAS", date(2026, 3, 8), 1, "1", hour=16, commodity="gas", unit="m3", interval_min=420),
        ]
    )


def day_reads(point: str, first: date, count: int, value: str, hour: int = 0, **more: Any) -> list[dict[str, Any]]:
    """Return one read a day of the whole day, from local midnight (or an hour) on."""
    days = [first + timedelta(days=n) for n in range(count)]
    common = {"service_point_id": point, "interval_min": 1440, "value": value}
    starts = [datetime.combine(d, time(5 + hour)) for d in days]
    return [common | {"read_date": d, "interval_start_at": t} | more for d, t in zip(days, starts, strict=True)]


@pytest.fixture(scope="module")
def world(session_scratch: Scratch) -> Scratch:
    """A small town on 9 March 2026; the point P-CLOSED is no longer in the newest complete file."""
    s = session_scratch
    s.reset()
    for part in (people, places, meters, contracts, usage):
        part(s)
    s.build(full=True)
    return s


def faults_of(world: Scratch, entity: str) -> list[tuple[Any, ...]]:
    """Return every fault of an entity: id, code, field, detail, and whether it blocks."""
    key, table = f"{entity}_key", {"premise": "premises"}.get(entity, f"{entity}s")
    return tuples(
        world,
        f"""select native_id, fault.code, fault.field, fault.detail, fault.is_blocking
            from (select {key}, native_id, unnest(faults) as fault from intermediate.int_canonical__{table})
            order by all""",
    )


def test_mistake_04_no_account_on_service_point(world: Scratch) -> None:
    """A point belongs to its premise; accounts reach it through agreements, and who lives there is derived."""
    sql = """select native_id, premise_key, billing_account_key, party_key
             from marts.crm_service_point where native_id in ('P-POWER', 'P-CUT') order by 1"""
    assert tuples(world, sql) == [
        ("P-CUT", "CCB|PREM|SHOP", None, None),
        ("P-POWER", "CCB|PREM|FLAT", "CCB|ACCT|0000000031", "CCB|PER|0000000011"),
    ]
    sql = "select service_point_key, billing_account_key from marts.crm_agreement_item where native_id = 'L-ADA'"
    assert tuples(world, sql) == [("CCB|SP|P-POWER", "CCB|ACCT|0000000031")]


def test_mistake_09_active_is_20_30_50(world: Scratch) -> None:
    sql = """select native_id, agreement_status, status_reason, status_change_date, activation_date
             from marts.crm_service_agreement where native_id in ('S-ADA', 'S-GAS', 'S-LEAVE', 'S-BEN', 'S-NEXT')
             order by 1"""
    begun, ended = date(2025, 1, 1), date(2024, 12, 31)  # END_DT, 1 January, is the day after the last
    assert tuples(world, sql) == [
        ("S-ADA", "active", "move_in", begun, begun),
        ("S-BEN", "ended", "move_out", ended, date(2023, 1, 1)),
        ("S-GAS", "active", "move_in", begun, begun),
        ("S-LEAVE", "active", "move_in", begun, begun),
        ("S-NEXT", "pending", "move_in", None, None),
    ]


def test_mistake_10_agreement_points_are_effective_dated(world: Scratch) -> None:
    """Ben's link ended where Ada's began: both are items, and only Ada is served there now."""
    sql = """select native_id, service_agreement_key, start_date, end_date, use_percent, usage_sign
             from marts.crm_agreement_item where service_point_key = 'CCB|SP|P-POWER' order by 1"""
    begun = date(2025, 1, 1)
    assert tuples(world, sql) == [
        ("L-ADA", "CCB|SA|S-ADA", begun, None, Decimal(100), "additive"),
        ("L-BEN", "CCB|SA|S-BEN", date(2023, 1, 1), date(2024, 12, 31), Decimal(100), "additive"),
    ]
    assert len(tuples(world, "select * from marts.crm_service_point where native_id = 'P-POWER'")) == 1


def test_mistake_11_badge_is_not_a_key(world: Scratch) -> None:
    """Two meters with one badge are two devices, and each hangs where its own installs say."""
    sql = """select device_key, badge_number, serial_number, device_name, device_status, service_point_key, premise_key,
                    install_date, removal_date, party_key
             from marts.crm_device order by 1"""
    ours = "SYS|ACCT|UTILITY"
    new = (date(2026, 2, 1), None, "CCB|PER|0000000011")
    assert tuples(world, sql) == [
        ("CCB|MTR|M1", "E007", "000111", "E007", "retired", None, None, date(2024, 1, 1), date(2026, 1, 31), ours),
        ("CCB|MTR|M2", "E007", "000222", "E007", "installed", "CCB|SP|P-POWER", "CCB|PREM|FLAT", *new),
        ("CCB|MTR|M3", None, "000333", "000333", "in_store", None, None, None, None, ours),
    ]


def test_mistake_13_blanks_of_oracle_char_are_no_values(world: Scratch) -> None:
    assert tuples(world, "select badge_number from marts.crm_device where native_id = 'M3'") == [(None,)]
    sql = "select read_instruction, read_warning from marts.crm_service_point where native_id = 'P-POWER'"
    assert tuples(world, sql) == [(None, "Dog on the premises")]


def test_mistake_24_codes_are_the_utilitys_and_unknown_ones_wait_in_quarantine(world: Scratch) -> None:
    unknown = [
        (entity, native, field, detail, blocks)
        for entity in ("premise", "service_point", "service_agreement")
        for native, code, field, detail, blocks in faults_of(world, entity)
        if code == f"{entity}.unknown_code"
    ]
    assert unknown == [
        ("premise", "ODD", "premise_type", "YURT", True),
        ("service_point", "P-ODD", "service_point_status", "Q", True),
        ("service_point", "P-TYPE", "service_point_type_code", "LAVA", True),
        ("service_agreement", "S-HEAT", "commodity", "H", True),
        ("service_agreement", "S-ODD", "agreement_status", "99", True),
        ("service_agreement", "S-TYPE", "agreement_type", "WHAT", True),
    ]


def test_buildings_and_what_stands_in_them(world: Scratch) -> None:
    sql = """select premise_key, parent_premise_key, premise_type, premise_name, street, unit, city, state, postal_code,
                    latitude, longitude, time_zone
             from marts.{} order by 1"""
    zone = "America/New_York"
    assert tuples(world, sql.format("crm_premise_parent")) == [
        ("CCB|PREM|HOUSE", None, "building", "1 Invented Way", "1 Invented Way", None, "Ohmstead", "NY", "00501",
         None, None, zone),
    ]  # fmt: skip
    assert tuples(world, sql.format("crm_premise")) == [
        ("CCB|PREM|FLAT", "CCB|PREM|HOUSE", "residential", "1 Invented Way APT 1", "1 Invented Way", "APT 1",
         "Ohmstead", "NY", "00501", Decimal("41.123456"), Decimal("-73.123456"), zone),
        ("CCB|PREM|SHOP", None, "commercial", "2 Invented Way", "2 Invented Way", None, "Ohmstead", "NY", None,
         None, None, zone),
    ]  # fmt: skip


def test_a_circle_of_parents_keeps_back_itself_and_what_is_below_it(world: Scratch) -> None:
    circle = [(n, p) for n, code, _, p, _ in faults_of(world, "premise") if code == "premise.parent_cycle"]
    assert circle == [
        ("BELOW", "CCB|PREM|LOOP1"),
        ("LOOP1", "CCB|PREM|LOOP2"),
        ("LOOP2", "CCB|PREM|LOOP1"),
        ("SELF", "CCB|PREM|SELF"),
    ]


def test_a_premise_below_one_that_is_not_there_or_not_good_is_an_orphan(world: Scratch) -> None:
    orphans = [f for f in faults_of(world, "premise") if f[1] == "premise.orphan"]
    assert orphans == [
        ("LOST", "premise.orphan", "parent_premise_key", "CCB|PREM|NOWHERE", True),
        ("UNDER", "premise.orphan", "parent_premise_key", "CCB|PREM|ODD", True),
    ]


def test_service_points_have_status_unit_and_usage(world: Scratch) -> None:
    sql = """select native_id, commodity, business_unit, service_point_status, is_solar, average_monthly_usage,
                    read_instruction
             from marts.crm_service_point order by 1"""
    call = "Call before the visit"
    assert tuples(world, sql) == [
        ("P-CLOSED", "electricity", "electric", "abolished", False, None, call),
        ("P-CUT", "electricity", "electric", "disconnected", False, None, call),
        ("P-GAS", "gas", "gas", "in_service", False, None, None),
        ("P-GONE", "electricity", "electric", "abolished", False, None, call),
        # (31 + 42) / 2 = 36.5, half up; the running month and the one of a year ago do not count
        ("P-POWER", "electricity", "electric", "in_service", False, 37, None),
        ("P-SUN", "electricity", "renewables", "in_service", True, None, call),
    ]


def test_a_service_point_without_a_good_premise_is_an_orphan_and_its_meter_with_it(world: Scratch) -> None:
    assert [f for f in faults_of(world, "service_point") if f[1] == "service_point.orphan"] == [
        ("P-BELOW", "service_point.orphan", "premise_key", "CCB|PREM|BELOW", True),
        ("P-LOST", "service_point.orphan", "premise_key", "CCB|PREM|NOWHERE", True),
    ]
    assert faults_of(world, "device") == [("M4", "device.orphan", "service_point_key", "CCB|SP|P-LOST", True)]
    assert faults_of(world, "device_install") == [
        ("H4", "device_install.orphan", "device_key", "CCB|MTR|M4", True),
        ("H4", "device_install.orphan", "service_point_key", "CCB|SP|P-LOST", True),
    ]


def test_the_rate_in_force_or_the_default_product(world: Scratch) -> None:
    sql = "select product_key, product_name, commodity, is_default from marts.crm_product order by 1"
    assert tuples(world, sql) == [
        ("CCB|RS|E-RES-1", "Electricity E-RES-1", "electricity", False),
        ("CCB|RS|E-RES-TU", "Electricity E-RES-TU", "electricity", False),
        ("CCB|RS|G-RES-1", "Gas G-RES-1", "gas", False),
        ("SYS|PROD|ELECTRICITY", "Electricity", "electricity", True),
        ("SYS|PROD|GAS", "Gas", "gas", True),
    ]
    sql = """select native_id, product_key, billing_schedule, party_key
             from marts.crm_service_agreement where native_id in ('S-ADA', 'S-LEAVE') order by 1"""
    assert tuples(world, sql) == [
        ("S-ADA", "CCB|RS|E-RES-TU", "monthly", "CCB|PER|0000000011"),
        ("S-LEAVE", "SYS|PROD|ELECTRICITY", "monthly", "CCB|PER|0000000013"),
    ]


def test_agreements_of_a_special_role_are_left_out_without_a_finding(world: Scratch) -> None:
    sql = "select native_id from intermediate.int_canonical__{} where native_id like '%DEP'"
    assert tuples(world, sql.format("service_agreements")) == []
    assert tuples(world, sql.format("agreement_items")) == []


def test_agreements_that_are_wrong_say_how_and_the_rest_stands(world: Scratch) -> None:
    faults = [f for f in faults_of(world, "service_agreement") if not f[1].endswith("unknown_code")]
    assert faults == [
        ("S-BACK", "service_agreement.dates_backwards", "end_date", "2025-01-01/2024-01-01", True),
        # a service whose commodity no list knows has no product either
        ("S-HEAT", "service_agreement.required_missing", "commodity", None, True),
        ("S-HEAT", "service_agreement.required_missing", "product_key", None, True),
        ("S-LEAVE", "service_agreement.overlap", "start_date", "CCB|SA|S-TWICE", False),
        ("S-NOACC", "service_agreement.orphan", "billing_account_key", "CCB|ACCT|0000000099", True),
        ("S-NOSTART", "service_agreement.required_missing", "start_date", None, True),
        ("S-ODD", "service_agreement.required_missing", "agreement_status", None, True),
        ("S-TWICE", "service_agreement.overlap", "start_date", "CCB|SA|S-LEAVE", False),
        ("S-TYPE", "service_agreement.required_missing", "commodity", None, True),
        ("S-TYPE", "service_agreement.required_missing", "product_key", None, True),
    ]
    delivered = tuples(world, "select native_id from marts.crm_service_agreement order by 1")
    assert [n for (n,) in delivered] == ["S-ADA", "S-BEN", "S-GAS", "S-LEAVE", "S-NEXT", "S-TWICE"]


def test_links_to_nothing_are_orphans(world: Scratch) -> None:
    assert faults_of(world, "agreement_item") == [
        ("L-NOSA", "agreement_item.orphan", "service_agreement_key", "CCB|SA|S-NOBODY", True),
        ("L-NOSP", "agreement_item.orphan", "service_point_key", "CCB|SP|P-LOST", True),
    ]
    sql = "select native_id, device_key, premise_key, product_key from marts.crm_agreement_item order by 1"
    assert tuples(world, sql) == [
        ("L-ADA", "CCB|MTR|M2", "CCB|PREM|FLAT", "CCB|RS|E-RES-TU"),
        ("L-BEN", "CCB|MTR|M2", "CCB|PREM|FLAT", "CCB|RS|E-RES-1"),
        ("L-GAS", None, "CCB|PREM|FLAT", "CCB|RS|G-RES-1"),
        ("L-LEAVE", None, "CCB|PREM|SHOP", "SYS|PROD|ELECTRICITY"),
        ("L-TWICE", None, "CCB|PREM|SHOP", "SYS|PROD|ELECTRICITY"),
    ]


def test_usage_goes_out_for_the_points_the_crm_has_and_the_rest_is_counted(world: Scratch) -> None:
    sql = """select service_point_key, channel, usage_month, usage_quantity, is_partial, unit
             from marts.crm_usage_month where usage_month >= date '2026-01-01' order by all"""
    gas, power = "CCB|SP|P-GAS", "CCB|SP|P-POWER"
    assert tuples(world, sql) == [
        (gas, "delivered", date(2026, 3, 1), Decimal(1), True, "ccf"),
        (power, "delivered", date(2026, 1, 1), Decimal(31), False, "kWh"),
        (power, "delivered", date(2026, 2, 1), Decimal(42), False, "kWh"),
        (power, "delivered", date(2026, 3, 1), Decimal(800), True, "kWh"),
        (power, "received", date(2026, 1, 1), Decimal(27900), False, "kWh"),
    ]
    sql = "select service_point_key, count(*), min(usage_date) from marts.crm_usage_day group by 1 order by 1"
    assert tuples(world, sql) == [(gas, 1, date(2026, 3, 8)), (power, 31 + 28 + 8 + 31, date(2026, 1, 1))]
    sql = """select quarantine_key, service_point_id, finding_code, detail, row_count, first_date, last_date
             from marts.crm_usage_quarantine where entity = 'usage_day' order by 1"""
    assert tuples(world, sql) == [
        ("usage_day|MDM|UD|P-GAS|delivered|usage_day.duplicate_key|unit", "P-GAS", "usage_day.duplicate_key", "m3", 1,
         date(2026, 3, 8), date(2026, 3, 8)),
        ("usage_day|MDM|UD|P-LOST|delivered|usage_day.orphan|service_point_key", "P-LOST", "usage_day.orphan", "kWh", 1,
         date(2026, 3, 7), date(2026, 3, 7)),
        ("usage_day|MDM|UD|P-NOBODY|delivered|usage_day.orphan|service_point_key", "P-NOBODY", "usage_day.orphan",
         "kWh", 3, date(2026, 3, 5), date(2026, 3, 7)),
    ]  # fmt: skip


def test_who_a_party_was_includes_the_name_it_had(world: Scratch) -> None:
    """Names are rows with changes of their own; an alternate name changes nothing."""
    sql = """select valid_from, valid_to, party_name, language_code, is_current
             from marts.hist_party where native_id = '0000000011' order by 1"""
    named = at("2025-08-01T14:00")
    assert tuples(world, sql) == [
        (at("2025-07-01T14:00"), named, None, "es", False),
        (named, NOW, "Ada Oldname", "es", False),
        (NOW, None, "Ada Testperson", "en", True),
    ]


def test_what_an_agreement_and_an_install_were_known_to_be(world: Scratch) -> None:
    sql = """select valid_from, valid_to, billing_account_key, agreement_status, start_date, end_date
             from marts.hist_service_agreement where native_id = 'S-ADA' order by 1"""
    known, account, start = at("2024-12-29T12:00"), "CCB|ACCT|0000000031", date(2025, 1, 1)
    assert tuples(world, sql) == [
        (known, NOW, account, "pending", start, None),
        (NOW, None, account, "active", start, None),
    ]
    assert tuples(world, "select * from marts.hist_service_agreement where native_id = 'S-DEP'") == []
    sql = """select valid_from, valid_to, device_key, service_point_key, install_date, removal_date
             from marts.hist_device_install where native_id = 'H1' order by 1"""
    install = ("CCB|MTR|M1", "CCB|SP|P-POWER", date(2024, 1, 1))
    assert tuples(world, sql) == [
        (at("2024-01-02T12:00"), NOW, *install, None),
        (NOW, None, *install, date(2026, 1, 31)),
    ]
