"""What a person decides about a feed's night reaches the looks and the loads of that night, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.platforms import NIGHT, House, accounts, house
from typer.testing import CliRunner

from nightwatt import stages
from nightwatt.cli.app import app
from nightwatt.contracts.feed import Feed
from nightwatt.errors import NightWattError, TerminalError, TransientError
from nightwatt.ledger import checks, decisions, looks, receipts
from nightwatt.ledger.models import NightChoice
from nightwatt.stages import Platform, arriving

ANN = "Ann"
SEVEN = datetime(2026, 3, 9, 11, tzinfo=UTC)  # 07:00 in New York; the deadline is 06:00


@pytest.fixture
def home(tmp_path: Path) -> Iterator[House]:
    with house(tmp_path) as opened:
        yield opened


def decide(home: House, choice: NightChoice, reason: str = "they said so", **more: Any) -> stages.Decided:
    return stages.decide(home.platform, "accounts", NIGHT, choice, ANN, reason, **more)


def look(home: House) -> stages.Expected:
    return stages.expectation(home.platform, "accounts", NIGHT)


def load(home: House) -> stages.LoadSummary:
    return stages.load(home.platform, "accounts", NIGHT)


def complete(home: House) -> set[bool | None]:
    with home.platform.ledger.read() as session:
        return {r.is_complete for r in receipts.by_feed_and_date(session, "accounts", NIGHT)}


def failed(home: House) -> set[str]:
    with home.platform.ledger.read() as session:
        return {c.code for c in checks.of_night(session, NIGHT, failed_only=True)}


def test_a_release_moves_the_end_of_waiting_and_taking_it_back_moves_it_home(home: House) -> None:
    assert look(home).wait_until is None
    decide(home, NightChoice.RELEASE, until=SEVEN)
    released = look(home)
    assert (released.is_ready, released.wait_until, released.choice) == (False, SEVEN, "release")
    assert released.reason == "release by Ann: they said so; 2 of at least 2 file(s) missing; 0 received"

    stages.revoke(home.platform, "accounts", NIGHT, "Bob")
    assert (look(home).wait_until, look(home).choice) == (None, None)


def test_what_was_decided_before_stands_again(home: House) -> None:
    decide(home, NightChoice.RELEASE, until=SEVEN)
    decide(home, NightChoice.SKIP)
    assert look(home).is_skipped
    stages.revoke(home.platform, "accounts", NIGHT, ANN)
    assert (look(home).is_skipped, look(home).wait_until) == (False, SEVEN)


def test_a_skipped_night_waits_for_nothing_and_lacks_nothing(home: House) -> None:
    decide(home, NightChoice.SKIP)
    assert look(home).to_dict()["is_skipped"] is True
    assert load(home).receipts == 0
    assert failed(home) == set()


def test_other_nights_and_feeds_are_not_decided_about(home: House) -> None:
    decide(home, NightChoice.SKIP)
    tomorrow = NIGHT + timedelta(days=1)
    assert stages.expectation(home.platform, "accounts", tomorrow).choice is None
    with home.platform.ledger.read() as session:
        assert set(decisions.of_night(session, NIGHT)) == {"accounts"}
        assert decisions.of_night(session, tomorrow) == {}


def test_accepting_goes_on_with_what_is_there_and_closes_nothing(home: House) -> None:
    home.drop(1, rows=4)
    assert not look(home).is_ready
    decide(home, NightChoice.ACCEPT)

    accepted = look(home)
    assert (accepted.is_ready, accepted.arrived, accepted.expected_at_least) == (True, 1, 2)
    assert load(home).rows_kept == 4
    assert (complete(home), failed(home)) == ({False}, {"feed.file_count"})


def test_a_night_accepted_as_it_is_closes_nothing_even_where_every_rule_holds(home: House) -> None:
    home.drop(1, 2)
    decide(home, NightChoice.ACCEPT)
    look(home)
    load(home)
    assert (complete(home), failed(home)) == ({False}, set())

    stages.revoke(home.platform, "accounts", NIGHT, ANN)
    load(home)
    assert complete(home) == {True}


def test_a_file_on_hold_stops_the_night_until_it_is_accepted_without_it(home: House) -> None:
    home.drop(1, rows=4)
    home.drop(2, rows=1, bad=1)
    look(home)
    with pytest.raises(TerminalError, match=r"load\.held"):
        load(home)
    assert not look(home).is_ready

    decide(home, NightChoice.ACCEPT)
    assert look(home).is_ready
    summary = load(home)
    assert len(summary.held) == 1
    assert failed(home) == {"feed.file_count"}

    stages.revoke(home.platform, "accounts", NIGHT, ANN)
    with pytest.raises(TerminalError, match=r"load\.held"):
        load(home)


class Away:
    """A source that does not answer."""

    def __init__(self, code: str, kind: type[NightWattError] = TransientError) -> None:
        self.error = kind(code, "the server does not answer", "wait")

    def __call__(self, platform: Platform, feed: Feed) -> Any:
        raise self.error


def test_decisions_are_heard_while_the_source_does_not_answer(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    home.drop(1)
    look(home)
    monkeypatch.setattr(arriving, "reach", Away("source.away"))

    waiting = look(home)
    assert (waiting.is_ready, waiting.arrived, waiting.expected_at_least) == (False, 1, 2)
    assert waiting.reason.endswith("1 received; [source.away] the server does not answer -> wait")
    with home.platform.ledger.read() as session:
        assert looks.of_night(session, NIGHT)["accounts"].reason == waiting.reason

    decide(home, NightChoice.RELEASE, until=SEVEN)
    assert look(home).wait_until == SEVEN
    decide(home, NightChoice.ACCEPT)
    assert look(home).is_ready
    decide(home, NightChoice.SKIP)
    assert look(home).is_skipped


def test_a_skipped_feed_is_skipped_although_its_source_is_broken(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arriving, "reach", Away("source.host_key", TerminalError))
    with pytest.raises(TerminalError):
        look(home)
    decide(home, NightChoice.SKIP)
    assert look(home).is_skipped


def test_a_source_that_does_not_answer_keeps_nobody_waiting_on_a_day_without_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with house(tmp_path, accounts(schedule={"days": ["tue"]})) as home:
        monkeypatch.setattr(arriving, "reach", Away("source.away"))
        assert (look(home).is_ready, look(home).is_expected) == (True, False)


def test_a_look_that_another_one_keeps_out_is_not_noted(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    look(home)
    monkeypatch.setattr(arriving, "reach", Away("arrival.busy"))
    assert "arrival.busy" in look(home).reason
    with home.platform.ledger.read() as session:
        assert "arrival.busy" not in looks.of_night(session, NIGHT)["accounts"].reason


def test_a_look_notes_what_is_there_whatever_was_decided(home: House) -> None:
    decide(home, NightChoice.ACCEPT)
    look(home)
    with home.platform.ledger.read() as session:
        seen = looks.of_night(session, NIGHT)["accounts"]
    assert (seen.is_ready, seen.reason, seen.looked_by) == (
        False, "2 of at least 2 file(s) missing; 0 received", "test",
    )  # fmt: skip


def test_a_day_without_files_is_ready_at_once_and_lacks_nothing(tmp_path: Path) -> None:
    with house(tmp_path, accounts(schedule={"days": ["tue"]})) as home:
        seen = look(home)
        assert (seen.is_ready, seen.is_expected, seen.expected_at_least) == (True, False, 0)
        assert seen.reason == "no files on Monday 2026-03-09: they come on tue; 0 received"
        load(home)
        assert failed(home) == set()

        home.drop(1, rows=4)  # it came all the same: taken in, loaded and judged
        assert look(home).arrived == 1
        assert load(home).rows_kept == 4
        assert failed(home) == {"feed.file_count"}


@pytest.mark.parametrize(
    ("choice", "reason", "by", "until", "code"),
    [
        (NightChoice.SKIP, "  ", ANN, None, "decision.no_reason"),
        (NightChoice.SKIP, "why", " ", None, "decision.no_name"),
        (NightChoice.SKIP, "why", ANN, SEVEN, "decision.until_not_asked"),
        (NightChoice.RELEASE, "why", ANN, None, "decision.until_needed"),
        (NightChoice.RELEASE, "why", ANN, SEVEN - timedelta(hours=1), "decision.until_too_early"),
        (NightChoice.RELEASE, "why", ANN, SEVEN + timedelta(hours=17), "decision.until_too_late"),
    ],
)
def test_what_makes_no_sense_is_refused(
    home: House, choice: NightChoice, reason: str, by: str, until: datetime | None, code: str
) -> None:
    with pytest.raises(TerminalError) as caught:
        stages.decide(home.platform, "accounts", NIGHT, choice, by, reason, until=until)
    assert caught.value.code == code
    assert caught.value.remedy


def test_a_release_until_a_time_that_has_passed_is_refused(home: House) -> None:
    home.clock.now = SEVEN + timedelta(minutes=1)
    with pytest.raises(TerminalError, match=r"decision\.until_too_early.*that time has passed"):
        decide(home, NightChoice.RELEASE, until=SEVEN)


def test_there_must_be_something_to_take_back(home: House) -> None:
    decide(home, NightChoice.SKIP)
    stages.revoke(home.platform, "accounts", NIGHT, ANN)
    with pytest.raises(TerminalError, match=r"decision\.none"):
        stages.revoke(home.platform, "accounts", NIGHT, ANN)


def test_the_same_in_the_terminal(home: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTWATT_CLOCK_AT", "2026-03-09T04:00:01-04:00")  # a clock of its own in this process
    folders = ["--home", str(home.platform.settings.home), "--catalog", str(home.platform.settings.catalog)]

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*folders, "feeds", *arguments], catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.stdout

    said = run("release", "accounts", "--until", "07:00", "--reason", "they upload [slowly]", "--by", ANN)
    assert said == "accounts, night of 2026-03-09: release by Ann; the night waits for it longer (until 07:00)\n"
    assert look(home).wait_until == SEVEN
    run("skip", "accounts", "--date", "2026-03-09", "--reason", "no cycle", "--by", "Bob")
    assert run("take-back", "accounts", "--by", ANN).splitlines() == [
        "accounts, night of 2026-03-09: skip by Bob is taken back",
        "accounts, night of 2026-03-09: release by Ann; the night waits for it longer (until 07:00)",
    ]
    run("accept", "accounts", "--reason", "good enough", "--by", ANN)
    listed = run("decisions", "--date", "2026-03-09")
    assert [line.split()[2] for line in listed.splitlines()] == ["decided", "release", "skip", "accept"]
    assert "they upload [slowly]" in listed
    assert "Ann, 2026-03-09 04:00" in listed.splitlines()[2]
