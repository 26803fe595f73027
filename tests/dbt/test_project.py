"""The project as a whole: it builds from nothing, and its documentation leaves nothing out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.dbt.scratch import Scratch

from nightwatt.contracts.catalog import load_catalog

PERSONAL_CLASSES = {"none", "identifier", "identity", "location", "financial", "consumption", "sensitive"}
MARTS = {
    "dim_customer", "dim_account", "dim_premise", "dim_service_point", "dim_meter", "fct_bills",
    "fct_usage_daily", "fct_usage_monthly", "ops_receipts", "ops_loads", "ops_rejects", "ops_checks",
    "ops_publications", "ops_deliveries", "ops_runs",
    "crm_party", "crm_contact", "crm_billing_account", "crm_account_role", "crm_bill", "crm_bill_service",
    "crm_payment", "crm_quarantine", "fct_billed_usage", "dim_service_agreement",
    "crm_product", "crm_premise_parent", "crm_premise", "crm_service_point", "crm_device", "crm_service_agreement",
    "crm_agreement_item", "crm_usage_day", "crm_usage_month", "crm_usage_quarantine",
    "hist_party", "hist_account_role", "hist_service_agreement", "hist_device_install",
    "rpt_billing_reconciliation", "rpt_billing_reconciliation_accounts", "rpt_usage_reconciliation",
    "rpt_usage_reconciliation_accounts",
}  # fmt: skip


@pytest.fixture
def manifest(scratch: Scratch) -> dict[str, Any]:
    path = scratch.folder / "target" / "manifest.json"
    if not path.exists():
        scratch.build("tag:ops")
    parsed: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return parsed


def _models(manifest: dict[str, Any], layer: str) -> list[dict[str, Any]]:
    return [n for n in manifest["nodes"].values() if n["resource_type"] == "model" and n["fqn"][1] == layer]


def test_an_empty_lake_builds_and_every_unit_test_passes(scratch: Scratch) -> None:
    statuses = scratch.dbt("build")
    assert set(statuses.values()) <= {"success", "pass"}
    assert set(statuses) >= MARTS


@pytest.mark.long
def test_either_chain_of_the_night_may_be_the_first(scratch: Scratch) -> None:
    scratch.load("ccb_sp", [{"sp_id": "0000000001"}, {"sp_id": "0000000002"}])
    scratch.merge([{"service_point_id": "0000000001"}, {"service_point_id": "0000000003"}])
    points = "select service_point_id, is_in_customer_system, has_reads from marts.dim_service_point order by 1"
    first = scratch.build("tag:usage", "tag:ops", full=True)
    assert "fct_usage_monthly" in first
    assert "fct_bills" not in first
    assert [tuple(p.values()) for p in scratch.rows(points)] == [
        ("0000000001", False, True),
        ("0000000003", False, True),
    ]
    second = scratch.build("tag:billing", "tag:ops", full=True)
    assert "fct_bills" in second
    assert "fct_usage_monthly" not in second
    assert [tuple(p.values()) for p in scratch.rows(points)] == [
        ("0000000001", True, True),
        ("0000000002", True, False),
        ("0000000003", False, True),
    ]


@pytest.mark.long
def test_the_billing_chain_needs_nothing_of_the_usage_chain(scratch: Scratch) -> None:
    scratch.load("ccb_sp", [{"sp_id": "0000000001"}])
    scratch.build("tag:billing")
    assert len(scratch.rows("select * from marts.dim_service_point")) == 1


def test_every_mart_says_what_it_is_and_classes_every_column(manifest: dict[str, Any]) -> None:
    marts = _models(manifest, "marts")
    assert {m["name"] for m in marts} == MARTS
    faults = []
    for model in marts:
        name, meta = model["name"], model["config"]["meta"]
        if not model["config"]["contract"]["enforced"]:
            faults.append(f"{name}: contract is not enforced")
        if not model["description"].startswith("One row per"):
            faults.append(f"{name}: the description does not start with the grain")
        if not {"owner", "deadline_tier"} <= set(meta):
            faults.append(f"{name}: owner or deadline tier is missing")
        for column in model["columns"].values():
            about = column["config"]["meta"]
            if not column["description"] or not column["data_type"] or not about.get("source"):
                faults.append(f"{name}.{column['name']}: description, type or source is missing")
            if about.get("personal") not in PERSONAL_CLASSES:
                faults.append(f"{name}.{column['name']}: personal-data class {about.get('personal')!r}")
    assert faults == []


def test_every_staging_column_has_a_personal_class(manifest: dict[str, Any]) -> None:
    faults = [
        f"{model['name']}.{column['name']}"
        for model in _models(manifest, "staging")
        for column in model["columns"].values()
        if column["config"]["meta"].get("personal") not in PERSONAL_CLASSES
    ]
    assert faults == []


def test_every_mart_with_a_rule_has_a_unit_test(manifest: dict[str, Any]) -> None:
    tested = {t["model"] for t in manifest["unit_tests"].values()}
    assert {m for m in MARTS if not m.startswith("ops_")} <= tested


def test_verification_secrets_and_bank_accounts_have_no_place_to_land(manifest: dict[str, Any]) -> None:
    for feed, column in (("ccb_acct", "ALERT_INFO"), ("ccb_acct_apay", "EXT_ACCT_ID")):
        assert [c.field for c in load_catalog().feed(feed).columns if c.name == column] == [None]
        assert not [n for n in manifest["nodes"].values() if column.lower() in (n.get("raw_code") or "").lower()]


def test_personal_fields_of_the_feeds_are_marked() -> None:
    feeds = load_catalog().feeds
    marked = {(n, c.field) for n, f in feeds.items() if f.system == "ccb" for c in f.columns if c.personal}
    assert marked >= {("ccb_per_name", "entity_name"), ("ccb_prem", "address1"), ("ccb_per", "ls_sl_flg")}
    assert marked >= {("ccb_per_contdet", "contact_value"), ("ccb_prem_geo", "geo_val")}
