"""What is missing or too small among the files sent: each rule on its own, by a clock that is passed in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from nightwatt.checks import Owed, check_sendings
from nightwatt.contracts.watch import Watch
from nightwatt.ledger.sendings import SentNight

NEW_YORK = ZoneInfo("America/New_York")
DAY = timedelta(days=1)
MONDAY = date(2026, 3, 9)  # the day after the clocks went forward
FIRST = date(2025, 11, 1)


def owed(since: date | None = FIRST, **watch: Any) -> Owed:
    return Owed("opower", Watch.model_validate(watch), time(8), since)


def nights(
    last: date = MONDAY, count: int = 84, rows: Callable[[date], int] = lambda d: 1000, **facts: Any
) -> list[SentNight]:
    """Return nights in a row, each sent at 05:30 local time of its business date."""
    days = [last - (count - 1 - n) * DAY for n in range(count)]
    sent = [datetime.combine(d, time(5, 30), NEW_YORK).astimezone(UTC) for d in days]
    return [SentNight(d, rows(d), facts.get("meters", lambda d: 100)(d), at) for d, at in zip(days, sent, strict=True)]


def found(
    sent: list[SentNight], now: str = "2026-03-09 12:00", owes: Owed | None = None
) -> list[tuple[str, date | None]]:
    clock = datetime.strptime(now, "%Y-%m-%d %H:%M").replace(tzinfo=NEW_YORK)
    return [(r.code, r.business_date) for r in check_sendings(owes or owed(), sent, clock, NEW_YORK)]


def test_nights_in_a_row_of_usual_size_are_well() -> None:
    assert found(nights()) == []


def test_a_night_without_a_file_is_missing_from_its_time_on() -> None:
    sent = nights(MONDAY - DAY)

    assert found(sent, "2026-03-09 07:59") == []
    assert found(sent, "2026-03-09 08:00") == [("delivery.missing", MONDAY)]


def test_the_contracts_own_time_goes_before_the_deadline() -> None:
    sent = nights(MONDAY - DAY)

    assert found(sent, "2026-03-09 06:30", owed(by="06:30")) == [("delivery.missing", MONDAY)]


def test_nights_missed_are_still_found_a_week_later_and_then_no_more() -> None:
    sent = [n for n in nights() if n.business_date not in {MONDAY - 7 * DAY, MONDAY - 8 * DAY}]

    assert found(sent) == [("delivery.missing", MONDAY - 7 * DAY)]


def test_only_weekdays_that_owe_a_file_are_asked_for_one() -> None:
    sent = [n for n in nights() if n.business_date.weekday() < 5]

    assert found(sent) == [("delivery.missing", date(2026, 3, 7)), ("delivery.missing", date(2026, 3, 8))]
    assert found(sent, owes=owed(days=["mon", "tue", "wed", "thu", "fri"])) == []


@pytest.mark.parametrize("since", [None, MONDAY + DAY])
def test_nothing_is_owed_before_the_history_is_there(since: date | None) -> None:
    assert found([], owes=owed(since)) == []


def test_a_week_without_a_file_is_told_on_the_monday_of_a_report_week() -> None:
    sent = nights(MONDAY - 8 * DAY)

    codes = [code for code, day in found(sent, "2026-03-09 08:00") if day == MONDAY]
    before = found(sent, "2026-03-09 07:59")

    assert codes == ["delivery.missing", "delivery.missing_for_report"]
    assert "delivery.missing_for_report" not in [code for code, _ in before]


@pytest.mark.parametrize(
    ("weeks", "told"), [("every", True), ("none", False), (["2026-03-09"], True), (["2026-03-16"], False)]
)
def test_only_report_weeks_count(weeks: Any, told: bool) -> None:
    codes = [code for code, _ in found(nights(MONDAY - 8 * DAY), owes=owed(report_weeks=weeks))]

    assert ("delivery.missing_for_report" in codes) is told


def test_a_file_after_start_of_business_is_too_late_for_the_report_all_week() -> None:
    sent = [n for n in nights() if n.business_date == MONDAY or n.business_date < MONDAY - 7 * DAY]
    late = datetime(2026, 3, 9, 9, tzinfo=NEW_YORK)
    sent[-1] = SentNight(MONDAY, 1000, 100, late)

    told = found(sent, "2026-03-11 12:00", owed(days=["sun"]))

    assert ("delivery.missing_for_report", MONDAY) in told


def test_a_report_week_begins_on_a_monday() -> None:
    with pytest.raises(ValidationError, match="no Mondays: 2026-03-10"):
        Watch.model_validate({"report_weeks": ["2026-03-10"]})


@pytest.mark.parametrize(("rows", "codes"), [(500, []), (499, ["delivery.rows_low"])])
def test_rows_are_compared_with_the_same_weekday(rows: int, codes: list[str]) -> None:
    def usual(day: date) -> int:
        return rows if day == MONDAY else 1000 if day.weekday() == 0 else 100_000  # other weekdays have far more

    assert [code for code, _ in found(nights(rows=usual))] == codes


@pytest.mark.parametrize(("meters", "codes"), [(80, []), (79, ["delivery.meters_low"])])
def test_service_points_are_compared_too(meters: int, codes: list[str]) -> None:
    sent = nights(meters=lambda d: meters if d == MONDAY else 100)

    assert [code for code, _ in found(sent)] == codes


def test_three_weeks_are_needed_to_say_what_is_usual() -> None:
    assert found(nights(count=21, rows=lambda d: 1 if d == MONDAY else 1000)) == []
    assert found(nights(count=22, rows=lambda d: 1 if d == MONDAY else 1000)) == [("delivery.rows_low", MONDAY)]


def test_files_that_do_not_say_how_many_service_points_they_have_are_not_judged_by_them() -> None:
    assert found(nights(meters=lambda d: None)) == []


@pytest.mark.parametrize(("meters", "told"), [(95, False), (94, True)])
def test_a_population_that_shrank_is_told_once_a_week(meters: int, told: bool) -> None:
    last = MONDAY + 3 * DAY
    sent = nights(last, meters=lambda d: meters if d > last - 28 * DAY else 100)

    expected = [("delivery.population_shrank", MONDAY)] if told else []
    assert found(sent, "2026-03-12 12:00") == expected


def test_missed_nights_alone_are_no_smaller_population() -> None:
    sent = [n for n in nights() if n.business_date.weekday() != 2 or n.business_date < MONDAY - 28 * DAY]

    assert ("delivery.population_shrank", MONDAY) not in found(sent, owes=owed(days=["mon"]))


def test_bills_of_other_service_points_every_night_are_compared_by_their_sum() -> None:
    sent = nights(meters=lambda d: 10 if d.day % 2 else 190)

    assert found(sent, owes=owed(min_meters_pct=0)) == []


def test_what_is_told_names_numbers_and_no_rows() -> None:
    (result,) = check_sendings(
        owed(), nights(rows=lambda d: 1 if d == MONDAY else 1000), datetime(2026, 3, 9, 17, tzinfo=UTC), NEW_YORK
    )

    assert result.message == (
        "opower: the files of 2026-03-09 have 1 rows, 0.1 % of the usual 1,000 on this weekday; "
        "at least 50 % should be there"
    )
    assert result.evidence == {"count": 1, "median": 1000, "nights": 8, "min_pct": 50}
    assert (result.subject, result.passed, result.blocks) == ("opower", False, False)
