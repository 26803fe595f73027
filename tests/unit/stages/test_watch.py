"""A look at a home whose ledger is written by hand: what opens, what is said, what closes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from tests.support.platforms import house
from tests.support.verdicts import at

from nightwatt import stages
from nightwatt.ledger.models import NightChoice
from nightwatt.settings import Settings
from nightwatt.stages import Platform

NEW_YORK = ZoneInfo("America/New_York")
NIGHT = date(2026, 3, 9)


class HandSet:
    """A clock that shows what it is set to."""

    def __init__(self) -> None:
        self.now = self.at("00:10")

    def at(self, wall: str) -> datetime:
        """A wall-clock time of the night."""
        return datetime.combine(NIGHT, datetime.strptime(wall, "%H:%M").time(), tzinfo=NEW_YORK)  # noqa: DTZ007

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> HandSet:
    """Ten past midnight."""
    return HandSet()


@pytest.fixture
def platform(tmp_path: Path, clock: HandSet) -> Iterator[Platform]:
    """A home in which something has happened before."""
    with Platform.open("watchdog", Settings(home=tmp_path), clock=clock) as opened:
        with opened.ledger.run("build", "billing", date(2026, 3, 8), "cli"):
            pass
        yield opened


def said(platform: Platform) -> list[dict[str, Any]]:
    """The messages in the file channel."""
    path = platform.settings.root / "alerts" / "messages.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_paused_night_is_one_matter_of_which_only_broken_promises_are_told_again(
    platform: Platform, clock: HandSet
) -> None:
    for wall in ("00:30", "00:45", "00:45", "01:15", "04:00", "06:00", "06:00", "06:05"):
        clock.now = clock.at(wall)
        stages.watch(platform)

    assert [(m["at"][11:16], m["kind"], m["severity"], m["cause"]) for m in said(platform)] == [
        ("00:45", "opened", "critical", "night"),
        ("06:00", "escalated", "critical", "night"),
    ]
    assert said(platform)[1]["subject"].startswith("CRITICAL 06:00 NightWatt: billing missed its deadline and 23 more")


def test_nothing_is_expected_of_a_home_in_which_nothing_ever_happened(tmp_path: Path, clock: HandSet) -> None:
    clock.now = clock.at("09:00")
    with Platform.open("watchdog", Settings(home=tmp_path), clock=clock) as opened:
        assert stages.watch(opened).is_good


def test_a_file_that_lies_there_and_is_not_whole_is_named_with_the_reason(tmp_path: Path) -> None:
    with house(tmp_path) as opened:
        folder = opened.platform.settings.inbound / "crm"
        folder.mkdir(parents=True)
        (folder / "accounts_20260309_1.csv").write_text("ACCT_ID,N\nA,1\n")
        stages.expectation(opened.platform, "accounts", NIGHT)

        late = next(a for a in stages.watch(opened.platform).standing if a.code == "feed.late")

    assert late.message.startswith("Accounts: not all there, due by 04:00. Seen: 2 of at least 2 file(s) missing")
    assert "accounts_20260309_1.csv: " in late.message
    assert "done has not come" in late.message


def test_a_release_holds_the_alarm_back_and_a_skip_ends_it(tmp_path: Path) -> None:
    with house(tmp_path) as opened:
        platform, clock = opened.platform, opened.clock
        stages.expectation(platform, "accounts", NIGHT)
        until = at("08:00")

        def alarm(wall: str) -> list[tuple[str, str]]:
            clock.now = at(wall)
            return [(a.code, a.severity) for a in stages.watch(platform).standing if a.topic == "arrival"]

        assert alarm("05:00") == [("feed.late", "warning")]
        stages.decide(platform, "accounts", NIGHT, NightChoice.RELEASE, "kim", "they promised seven", until=until)
        assert alarm("06:30") == [("feed.late", "warning")]
        assert alarm("08:00") == [("feed.missing", "critical")]
        stages.decide(platform, "accounts", NIGHT, NightChoice.SKIP, "kim", "it will not come")
        assert alarm("08:05") == []
