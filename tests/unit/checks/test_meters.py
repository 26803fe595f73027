"""Silent meters against what the contracts allow for."""

from __future__ import annotations

from datetime import date

import pytest

from nightwatt.checks import check_meters
from nightwatt.ledger.checks import Reporting

DAY, NIGHT = date(2026, 3, 8), date(2026, 3, 9)


@pytest.mark.parametrize(("silent", "passed"), [(0, True), (4, True), (5, False), (200, False)])
def test_more_silent_meters_than_allowed_for_are_told(silent: int, passed: bool) -> None:
    (found,) = check_meters([Reporting("electricity", 200, silent)], {"electricity": 2.0}, DAY, NIGHT, 7)
    assert (found.passed, found.blocks, found.business_date) == (passed, False, NIGHT)


def test_the_finding_has_the_numbers_and_no_names() -> None:
    (found,) = check_meters([Reporting("gas", 2_000, 150)], {"gas": 2.0}, DAY, NIGHT, 7)
    assert (found.code, found.subject) == ("usage.missing_meters", "gas")
    assert found.message == (
        "gas: 150 of 2,000 service points that usually report have no read of 2026-03-08, 7.50 %; "
        "at most 2 % are allowed for"
    )
    assert dict(found.evidence) == {
        "silent": 150, "usual": 2000, "pct": 7.5, "max_pct": 2.0, "day": "2026-03-08", "publication": 7,
    }  # fmt: skip


def test_a_commodity_without_a_limit_is_not_judged() -> None:
    assert check_meters([Reporting("gas", 10, 10)], {"electricity": 2.0}, DAY, NIGHT, 7) == []
