"""Service points that usually report and did not: counted in published usage."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from tests.support.published import publish_usage

from nightwatt import warehouse
from nightwatt.errors import TerminalError
from nightwatt.ledger.checks import Reporting
from nightwatt.settings import Settings

DAY = date(2026, 3, 8)


def days(
    point: str, *days_ago: int, commodity: str = "electricity", reads: int = 96
) -> Iterator[tuple[str, str, str, date, int]]:
    """Usage of a point so many days before the day."""
    yield from ((commodity, point, "delivered", DAY - timedelta(days=n), reads) for n in days_ago)


def test_points_that_report_on_most_days_and_not_on_this_one_are_silent(settings: Settings) -> None:
    publish_usage(
        settings,
        [
            *days("REPORTS", 0, 1, 2, 3, 4, 5, 6, 7),
            *days("ONE READ", 1, 2, 3, 4, 5), *days("ONE READ", 0, reads=1),
            *days("SILENT", 1, 2, 3, 4, 5, 6, 7), *days("SILENT", 0, reads=0),  # expected and nothing came
            *days("GONE", 1, 3, 5, 6, 7),
            *days("OFTEN SILENT", 1, 2, 3, 4),  # four of seven days
            *days("LONG GONE", 8, 9, 10, 11, 12, 13),
            *days("NEW", 0),
            *days("GAS", 1, 2, 3, 4, 5, commodity="gas"),
        ],
    )  # fmt: skip
    assert warehouse.reporting(settings, DAY) == [Reporting("electricity", 4, 2), Reporting("gas", 1, 1)]


def test_a_point_with_two_channels_is_one_point(settings: Settings) -> None:
    both = [(*row[:2], channel, *row[3:]) for row in days("SOLAR", 1, 2, 3) for channel in ("delivered", "received")]
    publish_usage(settings, both)
    assert warehouse.reporting(settings, DAY) == []  # three days, not six


def test_where_no_usage_is_published_nothing_is_counted(settings: Settings) -> None:
    with pytest.raises(TerminalError, match=r"publish\.none"):
        warehouse.reporting(settings, DAY)
