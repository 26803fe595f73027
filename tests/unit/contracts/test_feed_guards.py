"""What a contract must not say, because files read by it would be read wrongly without a word."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from nightwatt.contracts.catalog import load_catalog
from nightwatt.contracts.feed import Feed

GAS = load_catalog().feed("mdm_interval_gas").model_dump(mode="json")


def changed(**changes: Any) -> dict[str, Any]:
    """Return the gas feed's contract with some keys changed."""
    return {**GAS, **changes}


def columns(**by_name: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the gas feed's columns with some of them changed."""
    return [{**c, **by_name.get(c["name"], {})} for c in GAS["columns"]]


@pytest.mark.parametrize(
    ("contract", "told"),
    [
        (changed(columns=columns(MODULE_ID={"field": "service_point_id"})), r"\['service_point_id'\] are given twice"),
        (changed(columns=columns(MODULE_ID={"name": "SP_ID"})), r"\['SP_ID'\] are named twice"),
        (changed(columns=columns(MODULE_ID={"field": "value", "type": "decimal"})), "a `channel` each"),
        (changed(columns=columns(START_UTC={"type": "decimal"})), "field stamp needs type timestamp, not decimal"),
        (changed(columns=columns(START_UTC={"format": "%Y-%m-%d %Q"})), "a directive that is not known"),
        (changed(interval={**GAS["interval"], "unit": {"constant": "CCF"}}), r"\['CCF'\] are not canonical units"),
        (changed(interval={**GAS["interval"], "length_min": 7}), "7 minutes do not divide a day"),
        (changed(columns=columns(CCF={"scale": 9})), "at most eight decimals, not 9"),
        (changed(format={"delimiter": ",", "decimal_sign": ","}), "the delimiter is also the decimal sign"),
    ],
)
def test_a_contract_that_would_read_wrongly_is_refused(contract: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Feed.model_validate(contract)


def test_the_contract_itself_is_good() -> None:
    assert Feed.model_validate(GAS).feed == "mdm_interval_gas"
