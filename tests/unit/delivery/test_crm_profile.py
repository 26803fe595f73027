"""The CRM's profiles: what an org decides stands in them, and a fault in one names its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from nightwatt.delivery.salesforce.profile import CrmProfile, load_profile
from nightwatt.delivery.specification import PROFILES
from nightwatt.errors import TerminalError

NAMES = sorted(f"salesforce/{path.stem}" for path in (PROFILES / "salesforce").glob("*.yaml"))
CORE = load_profile("salesforce/core_v62")
STANDARD_IDENTIFIERS = {
    "ExternalIdentifier", "ExtlReferenceIdentifier", "ExternalReference", "ExternalContractIdentifier",
}  # fmt: skip
"""Fields of the core objects that look like keys, and are neither External ID nor idLookup."""


def test_there_is_a_profile_for_each_data_model_and_dialect() -> None:
    assert NAMES == ["salesforce/core_v62", "salesforce/data_cloud", "salesforce/managed_package"]


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_is_named_like_its_file_and_says_what_is_not_confirmed(name: str) -> None:
    profile = load_profile(name)

    assert (profile.profile, profile.partner) == (name, "crm")
    assert profile.incomplete == bool(profile.unconfirmed)


def test_mistake_01_rows_are_matched_by_a_custom_external_id_never_by_a_standard_identifier() -> None:
    for thing in CORE.objects:
        assert thing.id_header == "CIS_External_Id__c"
        for column in thing.enabled:
            field = column.header.rpartition(".")[2]
            assert not column.parent or field == "CIS_External_Id__c"
            if column.header in STANDARD_IDENTIFIERS:
                assert (column.column, column.parent) == ("native_id", ())


def test_mistake_02_what_has_no_core_object_goes_to_asset_location_custom_objects_and_data_cloud() -> None:
    goes_to = {o.name: o.object for o in CORE.objects}

    assert goes_to["device"] == "Asset"
    assert goes_to["premise"] == goes_to["premise_parent"] == "Location"
    assert {goes_to[n] for n in ("bill", "bill_service", "payment")} == {
        "Bill_Summary__c", "Bill_Service__c", "Payment_Summary__c",
    }  # fmt: skip
    assert {o.object for o in load_profile("salesforce/data_cloud").objects} == {"Usage_Day", "Usage_Month"}


def test_mistake_03_no_outage_object_is_expected_of_an_org_below_v68() -> None:
    assert CORE.api_version == "62.0"
    assert not any("Outage" in o.object for o in CORE.objects)


def test_mistake_04_a_service_point_has_no_account() -> None:
    (point,) = (o for o in CORE.objects if o.object == "ServicePoint")
    (item,) = (o for o in CORE.objects if o.object == "EnergyServiceAgreementItem")

    assert "party" not in point.parents
    assert {"service_point", "service_agreement", "billing_account"} <= set(item.parents)


def test_the_load_order_is_the_documented_one() -> None:
    documented = [
        "Product2", "Account", "Contact", "BillingAccount", "AccountBillingAccount", "BillingAccountContact",
        "Location", "Location", "ServicePoint", "Asset", "EnergyServiceAgreement", "EnergyServiceAgreementItem",
        "Bill_Summary__c", "Bill_Service__c", "Payment_Summary__c",
    ]  # fmt: skip

    assert [o.object for o in CORE.objects] == documented


def test_every_mart_goes_out() -> None:
    marts = {o.mart for name in ("salesforce/core_v62", "salesforce/data_cloud") for o in load_profile(name).objects}

    assert marts == {
        "crm_product", "crm_party", "crm_contact", "crm_billing_account", "crm_account_role", "crm_premise_parent",
        "crm_premise", "crm_service_point", "crm_device", "crm_service_agreement", "crm_agreement_item", "crm_bill",
        "crm_bill_service", "crm_payment", "crm_usage_day", "crm_usage_month",
    }  # fmt: skip
    assert {o.mart for o in load_profile("salesforce/managed_package").objects} < marts


def test_life_support_unknown_never_clears_and_never_becomes_false() -> None:
    for name in ("salesforce/core_v62", "salesforce/managed_package"):
        (column,) = (c for o in load_profile(name).objects for c in o.columns if c.column == "has_life_support")
        assert (column.clears, column.when_null, column.required) == (False, None, False)


def _first(data: dict[str, Any], name: str) -> dict[str, Any]:
    return next(o for o in data["objects"] if o["name"] == name)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: _first(d, "party")["columns"][2].update(clears=True), "is required, so null cannot clear it"),
        (lambda d: _first(d, "party")["columns"][2].pop("column"), "needs either `column` or `constant`"),
        (lambda d: _first(d, "party")["columns"][0].update(required=False), "must hold the key party_key"),
        (lambda d: _first(d, "contact").update(load=1), "objects must stand in their load order"),
        (lambda d: _first(d, "contact")["columns"][1].update(parent=["nobody"]), "nobody is no object of this profile"),
        (lambda d: _first(d, "party")["columns"][0].update(header="Name"), "headers given twice: Name"),
        (lambda d: _first(d, "contact")["columns"][1].update(header="AccountId"), "stands under `Relationship.Field`"),
        (lambda d: _first(d, "bill")["columns"][7].pop("decimals"), "`decimals` belongs to a decimal"),
        (lambda d: d["name"].update(pattern="{delivery}_{object}_{stamp}"), "pattern needs {number} exactly once"),
        (lambda d: d.update(incomplete=False), "a profile with unconfirmed topics is incomplete"),
        (lambda d: d.update(colour="blue"), "colour"),
    ],
)
def test_a_fault_names_its_place(tmp_path: Path, change: Callable[[dict[str, Any]], object], says: str) -> None:
    data = yaml.safe_load((PROFILES / "salesforce/core_v62.yaml").read_text("utf-8"))
    change(data)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(data), "utf-8")

    with pytest.raises(TerminalError) as caught:
        load_profile("mine", tmp_path)

    assert caught.value.code == "delivery.profile_invalid"
    assert says in caught.value.message


def test_a_parent_must_be_loaded_before_its_children() -> None:
    data = CORE.model_dump()
    for thing in data["objects"]:
        thing["load"] = 1

    with pytest.raises(ValueError, match="contact: its parent party must be loaded before it"):
        CrmProfile.model_validate(data)
