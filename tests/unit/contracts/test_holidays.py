"""Holidays: the rules give the dates that the law's own tables give, and a wrong rule is told."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from nightwatt.contracts.catalog import load_catalog
from nightwatt.contracts.holidays import Holiday, Holidays
from nightwatt.errors import TerminalError

# As the Office of Personnel Management publishes them, year by year.
OPM = {
    2026: "01-01 01-19 02-16 05-25 06-19 07-03 09-07 10-12 11-11 11-26 12-25",
    2027: "01-01 01-18 02-15 05-31 06-18 07-05 09-06 10-11 11-11 11-25 12-24 12-31",
    2028: "01-17 02-21 05-29 06-19 07-04 09-04 10-09 11-10 11-23 12-25",
}


@pytest.mark.parametrize("year", OPM)
def test_the_packaged_holidays_are_the_federal_ones_and_the_day_after_thanksgiving(year: int) -> None:
    found = load_catalog().holidays.of_year(year)
    own = [day for day, name in found.items() if name == "Day after Thanksgiving"]

    assert " ".join(f"{day:%m-%d}" for day in found if day not in own) == OPM[year]
    assert [day.isoweekday() for day in own] == [5]


def test_a_new_year_on_a_saturday_is_kept_in_the_old_year() -> None:
    holidays = Holidays(holidays=(Holiday(name="New Year", month=1, day=1, observed=True),))
    assert holidays.name_of(date(2027, 12, 31)) == "New Year"
    assert list(holidays.of_year(2028)) == []


def test_a_leap_day_is_a_holiday_only_where_there_is_one() -> None:
    holidays = Holidays(holidays=(Holiday(name="Leap day", month=2, day=29),))
    assert [list(holidays.of_year(year)) for year in (2027, 2028)] == [[], [date(2028, 2, 29)]]


def test_of_two_holidays_on_one_day_the_first_gives_its_name() -> None:
    single = Holiday(name="Storm", on_date=date(2026, 12, 25))
    both = Holidays(holidays=(single, Holiday(name="Christmas Day", month=12, day=25)))
    assert (both.name_of(date(2026, 12, 25)), both.name_of(date(2027, 12, 25))) == ("Storm", "Christmas Day")


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ("{name: A, month: 2}", "holidays.0: give either on_date, or month and day"),
        ("{name: A, month: 2, day: 30}", "holidays.0: month 2 has no day 30"),
        ("{name: A, month: 5, weekday: mon, nth: 5}", "holidays.0: nth is 1 to 4, or -1"),
        ("{name: A, on_date: 2026-02-30}", "(file): cannot be read as YAML"),
        ("{name: A, on_date: 2026-02-03, moth: 2}", "holidays.0.moth: Extra inputs"),
    ],
)
def test_a_wrong_rule_names_file_key_and_remedy(tmp_path: Path, rule: str, fault: str) -> None:
    (tmp_path / "holidays.yaml").write_text(f"holidays:\n  - {rule}\n", "utf-8")
    with pytest.raises(TerminalError, match=r"catalog\.invalid") as caught:
        load_catalog(tmp_path)
    assert f"holidays.yaml: {fault}" in caught.value.message


def test_a_catalog_without_the_file_has_no_holidays(tmp_path: Path) -> None:
    (tmp_path / "feeds").mkdir()
    assert load_catalog(tmp_path).holidays == Holidays()
