"""The customer picture as it changes: who was what on a day that has passed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from tests.dbt.scratch import Scratch

ACCOUNT = "CCB|ACCT|0000000031"
ADA, BEN, CORA = "0000000011", "0000000012", "0000000013"
MAIN_CUSTOMER = """
    select party_key
    from marts.hist_account_role
    where
        billing_account_key = '{account}'
        and is_main
        and valid_from <= timestamp '{at}'
        and coalesce(timestamp '{at}' < valid_to, true)
"""


def at(text: str) -> datetime:
    """Return a UTC instant as the lake keeps it."""
    return datetime.fromisoformat(text)


def tuples(scratch: Scratch, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in scratch.rows(sql)]


def role(person: str, is_main: str, changed: str) -> dict[str, Any]:
    switches = {"main_cust_sw": is_main, "fin_resp_sw": is_main}
    return {"acct_id": "0000000031", "per_id": person, **switches, "last_update_dttm": at(changed)}


def main_customer(scratch: Scratch, day: str) -> list[str]:
    return [key for (key,) in tuples(scratch, MAIN_CUSTOMER.format(account=ACCOUNT, at=day))]


def test_who_was_the_main_customer_on_a_day(scratch: Scratch) -> None:
    """Before and after a change, on its instant, and again once an older version arrives late."""
    ada, ben, cora = (f"CCB|PER|{p}" for p in (ADA, BEN, CORA))
    scratch.load("ccb_acct_per", [role(ADA, "Y", "2025-01-10T14:00")])
    scratch.build("+hist_account_role")
    assert main_customer(scratch, "2025-06-01") == [ada]

    changed = "2026-02-01T15:00"
    scratch.load("ccb_acct_per", [role(ADA, "N", changed), role(BEN, "Y", changed)])
    scratch.build("+hist_account_role")
    assert main_customer(scratch, "2025-01-10 13:59:59") == []
    assert main_customer(scratch, "2026-02-01 14:59:59") == [ada]
    assert main_customer(scratch, "2026-02-01 15:00:00") == [ben]
    assert main_customer(scratch, "2026-03-09") == [ben]

    # what the source said of summer 2025 comes only now: Cora had the account from June to September
    late = [role(CORA, "Y", "2025-06-01T04:00"), role(CORA, "N", "2025-09-01T04:00")]
    late += [role(ADA, "N", "2025-06-01T04:00"), role(ADA, "Y", "2025-09-01T04:00")]
    scratch.load("ccb_acct_per", late)
    scratch.build("+hist_account_role")
    asked = ("2025-05-31", "2025-07-01", "2025-10-01", "2026-03-09")
    assert [main_customer(scratch, day) for day in asked] == [[ada], [cora], [ada], [ben]]
    sql = f"""select valid_from, valid_to, role, is_main, is_current, through_sequence
              from marts.hist_account_role where party_key = '{ada}' order by 1"""
    assert tuples(scratch, sql) == [
        (at("2025-01-10T14:00"), at("2025-06-01T04:00"), "financially_responsible", True, False, 1),
        (at("2025-06-01T04:00"), at("2025-09-01T04:00"), "interested", False, False, 3),
        (at("2025-09-01T04:00"), at(changed), "financially_responsible", True, False, 3),
        (at(changed), None, "interested", False, True, 2),
    ]


def test_a_version_that_changes_nothing_is_no_period_and_the_newest_receipt_wins_a_moment(scratch: Scratch) -> None:
    scratch.load("ccb_acct_per", [role(ADA, "N", "2025-01-10T14:00"), role(ADA, "N", "2025-03-01T14:00")])
    scratch.load("ccb_acct_per", [role(ADA, "Y", "2025-01-10T14:00"), role(ADA, "Y", "2025-03-01T14:00")])
    scratch.build("+hist_account_role")
    sql = "select valid_from, valid_to, is_main, through_sequence from marts.hist_account_role"
    assert tuples(scratch, sql) == [(at("2025-01-10T14:00"), None, True, 2)]


def test_who_a_party_was_includes_the_name_it_had(scratch: Scratch) -> None:
    """Names are rows with changes of their own; an alternate name changes nothing."""
    person = {"per_id": ADA, "per_or_bus_flg": "P ", "language_cd": "ENG"}
    name = {"per_id": ADA, "seq_num": 1, "name_type_flg": "PRIM"}
    scratch.load("ccb_per", [person | {"last_update_dttm": at("2025-01-10T14:00")}])
    scratch.load(
        "ccb_per_name",
        [
            name | {"entity_name": "Oldname,Ada", "last_update_dttm": at("2025-01-10T14:00")},
            name | {"entity_name": "Newname,Ada", "last_update_dttm": at("2025-08-01T14:00")},
            name
            | {"entity_name": "Alias,A", "seq_num": 2, "name_type_flg": "ALT ", "last_update_dttm": at("2025-09-01")},
        ],
    )
    scratch.load("ccb_per", [person | {"language_cd": "SPA", "last_update_dttm": at("2026-01-01T14:00")}])
    scratch.build("+hist_party")
    sql = "select valid_from, valid_to, party_name, language_code, is_current from marts.hist_party order by 1"
    born, married, moved = (at(f"{d}T14:00") for d in ("2025-01-10", "2025-08-01", "2026-01-01"))
    assert tuples(scratch, sql) == [
        (born, married, "Ada Oldname", "en", False),
        (married, moved, "Ada Newname", "en", False),
        (moved, None, "Ada Newname", "es", True),
    ]


def test_what_an_agreement_and_an_install_were_known_to_be(scratch: Scratch) -> None:
    agreement = {"sa_id": "S1", "acct_id": "0000000031", "cis_division": "N", "sa_type_cd": "E-RES   "}
    types = [("E-RES   ", "  "), ("DEP     ", "CD")]
    scratch.load("ccb_sa_type", [{"cis_division": "N", "sa_type_cd": t, "special_role_flg": r} for t, r in types])
    begun, ended = {"start_dt": date(2025, 1, 1)}, {"end_dt": date(2026, 2, 1)}
    scratch.load(
        "ccb_sa",
        [
            agreement | begun | {"sa_status_flg": "10", "last_update_dttm": at("2024-12-29T12:00")},
            agreement | begun | {"sa_status_flg": "20", "last_update_dttm": at("2025-01-01T12:00")},
            agreement | begun | ended | {"sa_status_flg": "40", "last_update_dttm": at("2026-02-01T12:00")},
            agreement | {"sa_id": "S2", "sa_type_cd": "DEP     ", "last_update_dttm": at("2025-01-01T12:00")},
        ],
    )
    scratch.load("ccb_mtr_config", [{"mtr_config_id": "C1", "mtr_id": "M1", "eff_dttm": at("2025-01-01T15:00")}])
    install = {"sp_mtr_hist_id": "H1", "sp_id": "P1", "mtr_config_id": "C1"}
    removed = {"removal_dttm": at("2026-02-01T15:00"), "last_update_dttm": at("2026-02-02T12:00")}
    scratch.load("ccb_sp_mtr_hist", [install | {"last_update_dttm": at("2025-01-02T12:00")}, install | removed])
    scratch.build("+hist_service_agreement", "+hist_device_install")
    sql = """select service_agreement_key, valid_from, agreement_status, start_date, end_date
             from marts.hist_service_agreement order by 1, 2"""
    key, start = "CCB|SA|S1", date(2025, 1, 1)
    assert tuples(scratch, sql) == [
        (key, at("2024-12-29T12:00"), "pending", start, None),
        (key, at("2025-01-01T12:00"), "active", start, None),
        (key, at("2026-02-01T12:00"), "ended", start, date(2026, 2, 1)),
    ]
    sql = "select device_key, service_point_key, valid_from, removal_date from marts.hist_device_install order by 3"
    assert tuples(scratch, sql) == [
        ("CCB|MTR|M1", "CCB|SP|P1", at("2025-01-02T12:00"), None),
        ("CCB|MTR|M1", "CCB|SP|P1", at("2026-02-02T12:00"), date(2026, 2, 1)),
    ]
