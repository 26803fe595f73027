"""The customer picture as it changes: who was what on a day that has passed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from tests.dbt.sap_rows import sap
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
    """Before and after a change, on its instant, and again once an older version arrives late.

    Of two versions of one moment the newest receipt counts, and a version that changes nothing is no period.
    """
    ada, ben, cora = (f"CCB|PER|{p}" for p in (ADA, BEN, CORA))
    scratch.load("ccb_acct_per", [role(ADA, "N", "2025-01-10T14:00"), role(ADA, "N", "2025-03-01T14:00")])
    scratch.load("ccb_acct_per", [role(ADA, "Y", "2025-01-10T14:00"), role(ADA, "Y", "2025-03-01T14:00")])
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
        (at("2025-01-10T14:00"), at("2025-06-01T04:00"), "financially_responsible", True, False, 2),
        (at("2025-06-01T04:00"), at("2025-09-01T04:00"), "interested", False, False, 4),
        (at("2025-09-01T04:00"), at(changed), "financially_responsible", True, False, 4),
        (at(changed), None, "interested", False, True, 3),
    ]


def test_mistake_14_slices_keyed_by_ab_not_bis(scratch: Scratch) -> None:
    """When a slice ends SAP deletes the row and writes another with its last day: one install, one key, two periods."""
    slice_ = {"anlage": "0000000041", "logiknr": "000000000000000001", "ab": "20250101"}
    device = {"equnr": "000000000000000007", "logiknr": slice_["logiknr"], "ab": "20250101"}
    open_, closed = {"bis": "99991231"}, {"bis": "20260131"}
    begun, ended = at("2025-01-02T12:00"), at("2026-02-01T12:00")
    scratch.load("isu_egerh", sap(device | open_ | {"einbdat": "20250101"}, at=begun))
    scratch.load("isu_eastl", sap(slice_ | open_, at=begun))
    build = ("+hist_device_install", "+int_isu__canonical_device_installs")
    scratch.build(*build)
    sql = """select device_install_key, device_key, service_point_key, install_date, removal_date, is_current
             from intermediate.int_isu__canonical_device_installs"""
    key = "ISU|EASTL|0000000041|000000000000000001|20250101"
    install = (key, "ISU|EQ|000000000000000007", "ISU|INST|0000000041", date(2025, 1, 1))
    assert tuples(scratch, sql) == [(*install, None, True)]

    scratch.load("isu_eastl", sap(slice_ | closed, at=ended) + sap(slice_ | open_, at=ended, operation="D"))
    scratch.build(*build)
    assert tuples(scratch, sql) == [(*install, date(2026, 2, 1), False)]
    sql = "select device_install_key, valid_from, valid_to, removal_date from marts.hist_device_install order by 2"
    assert tuples(scratch, sql) == [(key, begun, ended, None), (key, ended, None, date(2026, 2, 1))]


def test_who_was_what_in_sap_and_until_when(scratch: Scratch) -> None:
    """A holder who left, a role taken away, and a name that changed; contracts say by their dates what they were."""
    account, first, later = {"vkont": "000000000021"}, at("2025-01-10T12:00"), at("2026-02-01T12:00")
    ada, ben = account | {"gpart": "0000000011"}, account | {"gpart": "0000000012"}
    scratch.load("isu_fkkvkp", sap(ada | {"vkpbz": "01"}, ben | {"vkpbz": "02"}, at=first))
    scratch.load("isu_fkkvkp", sap(ben | {"vkpbz": "01"}, at=later) + sap(ada, at=later, operation="D"))
    person = {"partner": "0000000011", "type": "1", "name_first": "Ada", "bu_langu": "E"}
    scratch.load("isu_but000", sap(person | {"name_last": "Oldname"}, at=first))
    scratch.load("isu_but000", sap(person | {"name_last": "Newname"}, at=later))
    contract = {"vertrag": "0000000061", "vkonto": account["vkont"], "einzdat": "20250110"}
    scratch.load("isu_ever", sap(contract | {"auszdat": "99991231"}, at=first))
    scratch.load("isu_ever", sap(contract | {"auszdat": "20260131"}, at=later))
    scratch.build("+hist_account_role", "+hist_party", "+hist_service_agreement")
    asked = ("2025-06-01", "2026-02-01 12:00:00")
    who = [tuples(scratch, MAIN_CUSTOMER.format(account="ISU|VK|000000000021", at=moment)) for moment in asked]
    assert who == [[("ISU|BP|0000000011",)], [("ISU|BP|0000000012",)]]
    sql = "select party_name, language_code, valid_from, valid_to from marts.hist_party order by valid_from"
    assert tuples(scratch, sql) == [("Ada Oldname", "en", first, later), ("Ada Newname", "en", later, None)]
    sql = """select service_agreement_key, agreement_status, start_date, end_date, valid_from
             from marts.hist_service_agreement order by valid_from"""
    key, start = "ISU|CTR|0000000061", date(2025, 1, 10)
    assert tuples(scratch, sql) == [
        (key, None, start, None, first),
        (key, None, start, date(2026, 1, 31), later),
    ]
