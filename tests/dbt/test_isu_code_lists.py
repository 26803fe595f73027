"""The code lists of SAP IS-U that come with the platform: every code once, and only meanings the picture has."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from tests.dbt.scratch import PROJECT

MEANINGS = {
    "party_type": {"person", "organisation"},
    "has_life_support": {"true"},  # never false: nobody may be cut off because a field was blank
    "language": {"en", "es", "fr"},
    "phone_kind": {"phone", "mobile", "other"},
    "account_role": {"financially_responsible", "authorised", "interested"},
    "customer_class": {"residential", "commercial", "small_commercial", "industrial"},
    "bill_delivery_method": {"paper", "ebill", "sms"},
    "bill_frequency": {"monthly", "quarterly", "annual"},
    "commodity": {"electricity", "gas", "water"},
    "business_unit": {"electric", "gas", "renewables"},
    "premise_type": {"residential", "commercial", "building"},
    "unit": {"kWh", "therm", "ccf", "m3"},
    "sign": {"1", "-1"},
    **{f"is_{what}": {"true", "false"} for what in ("main", "solar", "statistical", "estimated", "energy", "payment")},
}
LISTS = sorted((PROJECT / "seeds").glob("isu_*.csv"))


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.stem)
def test_a_code_list_is_sound(path: Path) -> None:
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    code, *meanings = rows[0]
    assert code.endswith("_code")
    codes = [row[code] for row in rows]
    assert all(codes)
    assert len(set(codes)) == len(codes)
    assert set(meanings) & set(MEANINGS)
    for meaning in set(meanings) & set(MEANINGS):
        assert {row[meaning] for row in rows} <= MEANINGS[meaning], meaning


def test_one_partner_role_is_the_holder() -> None:
    with (PROJECT / "seeds" / "isu_account_partner_roles.csv").open(encoding="utf-8") as lines:
        assert [row["account_role"] for row in csv.DictReader(lines) if row["is_main"] == "true"] == [
            "financially_responsible"
        ]
