"""What the CRM's files say, cell by cell: each test is a few rows in and the lines that must come out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.support import crm
from tests.support.crm import Home

from nightwatt.delivery.salesforce.profile import load_profile
from nightwatt.errors import TerminalError


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = Home(tmp_path)
    yield opened
    opened.close()


def text_of(home: Home, result: Any, name: str) -> str:
    return "".join(path.read_text("utf-8") for path, n, _ in home.files(result) if n == name)


def test_mistake_05_a_field_known_to_be_empty_is_cleared_by_a_word_and_an_unknown_one_left_alone(home: Home) -> None:
    known = crm.party(1, phone="+12035550100", has_life_support=True)
    home.load(home.deliver({"crm_party": [known]}, 1))
    home.take()

    second = home.deliver({"crm_party": [known | {"phone": None, "has_life_support": None}]}, 2)
    home.load(second)

    (row,) = home.rows(second, "party")
    assert (row["Phone"], row["Life_Support__c"]) == ("#N/A", "")
    record = home.crm.of("party")["CCB|PER|0000000001"]
    assert (record.get("Phone"), record["Life_Support__c"]) == (None, "true")


def test_mistake_05_a_record_that_is_not_there_yet_has_nothing_to_clear(home: Home) -> None:
    result = home.deliver({"crm_party": [crm.party(1)]}, 1)

    assert "#N/A" not in text_of(home, result, "party")


def test_mistake_05_data_cloud_gets_whole_rows_in_which_empty_is_null(tmp_path: Path) -> None:
    delivery = crm.contract(delivery="crm_usage", profile="salesforce/data_cloud", domain="usage")
    home = Home(tmp_path, delivery)
    result = home.deliver({"crm_usage_day": [crm.usage_day(1, date(2026, 3, 8), 4, quality_class=None)]}, 9, 4)
    home.close()

    assert text_of(home, result, "usage_day").splitlines()[1] == (
        "MDM|UD|0000000001|delivered|20260308,CCB|SP|0000000001,0000000001,delivered,2026-03-08,kWh,10.50000000,"
        ",,,,,,,,,2026-03-09T04:00:00.000Z"
    )


def test_mistake_07_no_file_is_larger_than_the_contract_says_and_none_is_cut_inside_a_row(tmp_path: Path) -> None:
    home = Home(tmp_path, crm.contract(max_file_mb=1, objects=["party"]))
    long = {"mailing_street": "Ä" * 250, "mailing_city": "B" * 40}
    parties = [crm.party(n, **long) for n in range(1, 3001)]

    result = home.deliver({"crm_party": parties}, 1)
    home.close()

    paths = [path for path, _, _ in home.files(result)]
    assert len(paths) == 2
    assert all(path.stat().st_size <= 1_000_000 for path in paths)
    assert paths[0].stat().st_size > 990_000
    assert [row["CIS_External_Id__c"] for row in home.rows(result, "party")] == [p["party_key"] for p in parties]


def test_mistake_07_a_contract_cannot_ask_for_more_than_a_hundred_megabytes() -> None:
    with pytest.raises(ValueError, match="less than or equal to 100"):
        crm.contract(max_file_mb=150)


def test_quotes_stand_only_where_they_are_needed_and_are_doubled(home: Home) -> None:
    names = ["plain name", 'the "old" mill', "comma, inc", "two\nlines", " blank in front", "Ünïcode ✓"]
    result = home.deliver({"crm_party": [crm.party(n, party_name=name) for n, name in enumerate(names, 1)]}, 1)

    text = text_of(home, result, "party")
    assert [row["Name"] for row in home.rows(result, "party")] == names
    assert ",plain name," in text
    assert ',"the ""old"" mill",' in text
    assert ",Ünïcode ✓," in text
    assert "\r" not in text


def test_each_kind_of_value_has_its_form(home: Home) -> None:
    account = crm.account(
        1,
        is_autopay=True,
        is_gas=False,
        set_up_date=date(2020, 2, 29),
        overdue_amount_usd=Decimal("-3.1"),
        bill_delivery_method="ebill",
        customer_class="small_commercial",
    )
    result = home.deliver({"crm_billing_account": [account]}, 1)

    (row,) = home.rows(result, "billing_account")
    assert {h: row[h] for h in ("IsAutopayEnabled", "Is_Gas__c", "Is_Electric__c", "Set_Up_Date__c")} == {
        "IsAutopayEnabled": "true", "Is_Gas__c": "false", "Is_Electric__c": "", "Set_Up_Date__c": "2020-02-29",
    }  # fmt: skip
    assert (row["Overdue_Amount__c"], row["ExtlBillDeliveryMethod"]) == ("-3.10", "EBill")
    assert (row["CustomerClass"], row["ExtlReferenceIdentifier"]) == ("Small Scale", "0000000001")


def test_a_street_and_its_unit_are_one_field_and_too_long_a_name_is_cut(home: Home) -> None:
    result = home.deliver(
        {"crm_party": [crm.party(1, mailing_street="12 Elm St", mailing_unit="Apt 3", party_name="N" * 300)]}, 1
    )

    (row,) = home.rows(result, "party")
    assert (row["BillingStreet"], row["Name"]) == ("12 Elm St, Apt 3", "N" * 255)


@pytest.mark.parametrize(
    ("changes", "code", "field", "codes"),
    [
        ({"party_type": "robot"}, "crm.value_unmapped", "Party_Type__c", ["robot"]),
        ({"party_name": "bell \x07"}, "crm.value_unmapped", "Name", []),
        ({"party_name": "#N/A"}, "crm.value_unmapped", "Name", []),
        ({"phone": "1" * 41}, "crm.value_too_long", "Phone", []),
        ({"party_name": None}, "crm.value_missing", "Name", []),
        ({"party_name": ""}, "crm.value_missing", "Name", []),
    ],
)
def test_what_cannot_be_written_is_held_back_counted_and_named_without_its_value(
    home: Home, changes: dict[str, Any], code: str, field: str, codes: list[str]
) -> None:
    result = home.deliver({"crm_party": [crm.party(1, **changes), crm.party(2)]}, 1)

    assert [row["CIS_External_Id__c"] for row in home.rows(result, "party")] == ["CCB|PER|0000000002"]
    (finding,) = (f for f in result.findings if f.code != "crm.rows_held")
    assert (finding.code, finding.evidence["field"], finding.evidence["rows"]) == (code, field, 1)
    assert finding.evidence["codes"] == codes
    assert "1111" not in finding.message and "bell" not in finding.message
    assert crm.manifest(home.server.root)["objects"]["party"] == {
        "rows": 2, "delivered": 1, "unchanged": 0, "held": {"fault": 1}, "expired": 0, "asked": 0,
    }  # fmt: skip


def test_children_of_what_is_held_back_are_held_back_too(home: Home) -> None:
    marts = crm.customers(2)
    marts["crm_party"][0]["party_type"] = "robot"

    result = home.deliver(marts, 1)

    held = {name: counts["held"] for name, counts in crm.manifest(home.server.root)["objects"].items()}
    assert held["party"] == {"fault": 1}
    for child in ("contact", "account_party", "account_contact", "service_agreement", "agreement_item"):
        assert held[child] == {"parent": 1}, child
        assert len(home.rows(result, child)) == 1
    assert held["billing_account"] == {}


def test_a_pending_agreement_waits_and_a_cancelled_one_is_ended_only_where_it_is(home: Home) -> None:
    marts = crm.customers(3)
    agreements = marts["crm_service_agreement"]
    agreements[0]["agreement_status"], agreements[1]["agreement_status"] = "pending", "cancelled"
    home.load(home.deliver(marts, 1))
    home.take()
    assert set(home.crm.of("service_agreement")) == {"CCB|SA|0000000003"}

    agreements[0]["agreement_status"], agreements[2]["agreement_status"] = "active", "cancelled"
    home.load(home.deliver(marts, 2))

    ended = home.crm.of("service_agreement")["CCB|SA|0000000003"]
    assert (ended["Status"], ended["StatusReason"]) == ("Terminated", "Cancelled")
    assert home.crm.of("service_agreement")["CCB|SA|0000000001"]["Status"] == "Active"
    assert "CCB|SA|0000000002" not in home.crm.of("service_agreement")


def test_rows_of_one_parent_stand_together(home: Home) -> None:
    marts = crm.customers(3)
    marts["crm_contact"] = [crm.contact(n, party_key=f"CCB|PER|{p:010d}") for n, p in ((1, 3), (2, 1), (3, 3), (4, 2))]

    rows = home.rows(home.deliver(marts, 1), "contact")

    assert [row["Account.CIS_External_Id__c"][-1] for row in rows] == ["1", "2", "3", "3"]


def test_buildings_within_buildings_go_level_by_level(home: Home) -> None:
    marts = {"crm_premise_parent": [crm.premise(1, 2), crm.premise(2, 3), crm.premise(3)]}
    marts |= {"crm_premise": [crm.premise(9, 1)]}

    result = home.deliver(marts, 1)
    home.load(result)

    sent = [[row["ExternalReference"] for row in crm.read_rows(path)] for path, _, _ in home.files(result)]
    assert sent == [["0000000003"], ["0000000002"], ["0000000001"], ["0000000009"]]
    assert len(home.crm.of("premise_parent")) == 3


def test_a_premise_whose_parents_go_in_a_circle_is_held_back(home: Home) -> None:
    result = home.deliver({"crm_premise_parent": [crm.premise(1, 2), crm.premise(2, 1), crm.premise(3)]}, 1)

    assert [row["ExternalReference"] for row in home.rows(result, "premise_parent")] == ["0000000003"]
    assert result.left_out == {"premise_parent: parent": 2}


def test_the_same_publication_gives_the_same_bytes(tmp_path: Path) -> None:
    def run(folder: str) -> dict[str, bytes]:
        home = Home(tmp_path / folder)
        home.deliver(crm.customers(5), 9)
        home.close()
        return {p.name: p.read_bytes() for p in sorted(home.server.root.rglob("*.*"))}

    assert run("a") == run("b") != {}


def test_names_end_in_stamps_that_rise_with_the_load_order_and_the_manifest_is_last(home: Home) -> None:
    result = home.deliver(crm.customers(1), 9)

    names = [receipt.file_name for receipt in result.receipts]
    stamps = [name.rpartition("_")[2].partition(".")[0] for name in names]
    listed = crm.manifest(home.server.root)["files"]
    assert stamps == sorted(set(stamps))
    assert names[-1].startswith("crm_core_009_manifest_")
    assert [f["file"] for f in listed] == names[:-1]
    assert [f["load"] for f in listed] == sorted(f["load"] for f in listed)


def test_the_manifest_says_rows_amounts_and_checksums(home: Home) -> None:
    result = home.deliver(crm.customers(2), 9)

    (listed,) = (f for f in crm.manifest(home.server.root)["files"] if f["object"] == "BillingAccount")
    (receipt,) = (r for r in result.receipts if r.file_name == listed["file"])
    assert (listed["rows"], listed["keys"], listed["sha256"], listed["bytes"]) == (
        2, 2, receipt.sha256, receipt.size_bytes,
    )  # fmt: skip
    assert listed["amounts"] == {"balance_amount_usd": "25", "payoff_balance_usd": "0", "overdue_amount_usd": "0"}
    assert (listed["operation"], listed["external_id"]) == ("upsert", "CIS_External_Id__c")


def test_a_key_that_is_there_twice_stops_the_delivery(home: Home) -> None:
    with pytest.raises(TerminalError) as caught:
        home.deliver({"crm_party": [crm.party(1), crm.party(1)]}, 1)

    assert caught.value.code == "crm.duplicate_key"
    assert not home.server.root.exists()


def test_an_object_the_profile_does_not_have_is_named(tmp_path: Path) -> None:
    home = Home(tmp_path, crm.contract(objects=["party", "nobody"]))
    with pytest.raises(TerminalError, match="has no nobody") as caught:
        home.deliver({}, 1)
    home.close()

    assert caught.value.code == "crm.unknown_object"


@pytest.mark.parametrize("name", ["salesforce/core_v62", "salesforce/managed_package"])
def test_every_object_of_a_profile_can_be_written(tmp_path: Path, name: str) -> None:
    """One row in every mart, each value that a map knows: SQL, headers and cells fit each other."""
    profile = load_profile(name)
    marts: dict[str, list[dict[str, Any]]] = {}
    for thing in profile.objects:
        row = marts.setdefault(thing.mart, [{}])[0]
        for column in thing.columns:
            own = column.column if isinstance(column.column, str) else None
            if own and column.map and own != "is_archived":
                row[own] = next(iter(k for k, v in column.map.items() if isinstance(v, str)))
            elif own and column.type == "text" and not column.parent and own != "is_archived":
                row[own] = f"{own}"[: column.length or 80]
            elif own and column.type in {"date", "decimal"}:
                row[own] = date(2026, 3, 1) if column.type == "date" else Decimal(1)
    keys = {o.name: f"K-{o.name}" for o in profile.objects}
    for thing in profile.objects:
        marts[thing.mart][0][thing.key] = keys[thing.name]
    for thing in profile.objects:
        for column in thing.columns:
            if column.parent and column.parent != (thing.name,) and isinstance(column.column, str):
                marts[thing.mart][0][column.column] = marts[_mart(profile, column.parent[0])][0][
                    _key(profile, column.parent[0])
                ]
    home = Home(tmp_path, crm.contract(profile=name))

    result = home.deliver(marts, 9)
    home.load(result)
    taken = home.take()
    home.close()

    assert result.left_out == {}
    assert (taken.accepted, taken.refused, taken.waiting) == (len(profile.objects), 0, 0)


def _mart(profile: Any, name: str) -> str:
    return str(next(o.mart for o in profile.objects if o.name == name))


def _key(profile: Any, name: str) -> str:
    return str(next(o.key for o in profile.objects if o.name == name))
