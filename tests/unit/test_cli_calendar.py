"""`nightwatt calendar`: a night in full, many nights in a line each, and the same for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tests.support.platforms import House, accounts, house
from typer.testing import CliRunner

from nightwatt import stages
from nightwatt.cli.app import app
from nightwatt.ledger.models import NightChoice

HOLIDAYS = "holidays:\n  - {name: Founding Day, month: 3, day: 9}\n"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    """Accounts every day, bills on workdays and not on holidays."""
    bills = accounts(feed="bills", schedule={"days": ["mon", "tue", "wed", "thu", "fri"], "holidays": "none"})
    rounds = {"rounds": [{"by": "02:30", "files": 1}, {"by": "05:00", "files": 2}]}
    with house(tmp_path, accounts(schedule=rounds), bills, holidays=HOLIDAYS) as opened:
        yield opened


def calendar(home: House, *arguments: str) -> str:
    folders = ["--home", str(home.platform.settings.home), "--catalog", str(home.platform.settings.catalog)]
    result = CliRunner().invoke(app, [*folders, "calendar", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def rows(said: str) -> list[list[str]]:
    return [line.split() for line in said.splitlines() if line.strip()]


def test_a_night_shows_what_is_due_and_what_is_not(home: House) -> None:
    until = datetime(2026, 3, 9, 11, 30, tzinfo=UTC)
    stages.decide(home.platform, "accounts", date(2026, 3, 9), NightChoice.RELEASE, "Ann", "slow [link]", until=until)
    said = calendar(home, "--date", "2026-03-09")

    assert rows(said) == [
        ["Night", "of", "Monday", "09", "March", "2026", "America/New_York"],
        ["holiday:", "Founding", "Day"],
        ["files", "due", "at", "least", "by", "late", "at", "deadline"],
        ["accounts", "2", "03:00", "04:00", "06:00", "release", "until", "07:30"],
        ["no", "files", "due", "why"],
        ["bills", "Founding", "Day", "is", "a", "holiday:", "no", "files"],
        ["owed", "by", "ask", "from"],
        ["billing", "published", "06:00"],
        ["usage", "published", "07:00"],
        ["accounts:", "release", "until", "07:30", "by", "Ann:", "slow", "[link]"],
    ]


@pytest.mark.parametrize(
    ("day", "remark", "zones"),
    [
        ("2026-03-08", "clocks change from 02:00 to 03:00: the day has 23 hours", "03:00 EDT  04:00 EDT  06:00 EDT"),
        ("2026-11-01", "clocks change from 02:00 to 01:00: the day has 25 hours", "03:00 EST  04:00 EST  06:00 EST"),
    ],
)
def test_a_night_with_a_clock_change_says_so(home: House, day: str, remark: str, zones: str) -> None:
    said = calendar(home, "--date", day)
    assert remark in said
    assert zones in said
    assert "1 by 03:00, 2 by 05:00" in said if day == "2026-03-08" else "1 by 02:30, 2 by 05:00" in said


def test_many_nights_are_a_line_each(home: House) -> None:
    assert rows(calendar(home, "--date", "2026-03-06", "--days", "4")) == [
        ["night", "files", "of", "owed", "remarks"],
        ["2026-03-06", "Fri", "2", "feeds", "2"],
        ["2026-03-07", "Sat", "1", "feeds", "2", "nothing", "of", "bills"],
        ["2026-03-08", "Sun", "1", "feeds", "2", "clocks", "change", "from", "02:00", "to", "03:00:",
         "the", "day", "has", "23", "hours;", "nothing", "of", "bills"],
        ["2026-03-09", "Mon", "1", "feeds", "2", "holiday:", "Founding", "Day;", "nothing", "of", "bills"],
    ]  # fmt: skip


def test_programs_get_all_of_it(home: House) -> None:
    stages.decide(home.platform, "bills", date(2026, 3, 9), NightChoice.SKIP, "Ann", "no cycle")
    night = json.loads(calendar(home, "--date", "2026-03-09", "--json"))

    assert (night["business_date"], night["holiday"], night["clock_change"]) == ("2026-03-09", "Founding Day", None)
    due = night["feeds"][0]
    assert (due["feed"], due["files"], due["deadline"]) == ("accounts", 2, "2026-03-09T06:00:00-04:00")
    assert due["rounds"] == [
        {"files": 1, "by": "2026-03-09T02:30:00-04:00"}, {"files": 2, "by": "2026-03-09T05:00:00-04:00"},
    ]  # fmt: skip
    assert [o["subject"] for o in night["owed"]] == ["billing", "usage"]
    assert [(d["feed"], d["choice"], d["reason"]) for d in night["decisions"]] == [("bills", "skip", "no cycle")]
    assert len(json.loads(calendar(home, "--date", "2026-03-09", "--days", "2", "--json"))) == 2


def test_without_a_date_it_is_tonight(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTWATT_CLOCK_AT", "2026-03-09T23:30:00-04:00")
    assert "Night of Monday 09 March 2026" in calendar(home)
