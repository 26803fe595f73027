"""The Billing v2 profile: what is packaged, and which mistakes in one are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from nightwatt.delivery.opower.billing_v2_profile import BillingV2Profile, load_billing_v2_profile

PACKAGED = load_billing_v2_profile("opower/billing_v2-0-3")


def test_the_packaged_profile_is_incomplete_and_has_the_public_columns() -> None:
    assert PACKAGED.incomplete
    assert {kind: len(columns) for kind, columns in PACKAGED.files.items()} == {
        "bill": 6, "bill_segment": 5, "line_item": 8, "service_quantity": 5,
    }  # fmt: skip
    assert PACKAGED.name.populations == []


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda d: d["name"].update(pattern="opwr_{utility}_{population}_{version}_{type}_{stamp}.{extension}"),
         "pattern has {population}, but there are no populations"),
        (lambda d: d["name"].update(populations=["res"]), "pattern needs {population} exactly once"),
        (lambda d: d["files"]["bill_segment"].pop(), "no column, or none of the right type, for bill_segment_end"),
        (lambda d: d["files"]["bill"][0].update(key=False), "bill files have no key"),
        (lambda d: d["files"]["bill"][0].update(name="premise_id"), "the partner has removed: premise_id"),
        (lambda d: d["files"]["bill"][0].update(confirmed=["type"]), "its name is not confirmed"),
        (lambda d: d["files"]["line_item"][6].update(values=None), "a code column, and no other, needs `values`"),
        (lambda d: d["files"]["line_item"][4].update(number=None), "a number column, and no other, needs `number`"),
        (lambda d: d.update(incomplete=False), "a profile with unconfirmed topics is incomplete"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_profile_is_refused_by_name(harm: Callable[[dict[str, Any]], object], said: str) -> None:
    data = PACKAGED.model_dump()
    harm(data)

    with pytest.raises(ValidationError) as caught:
        BillingV2Profile.model_validate(data)

    assert said in str(caught.value)
