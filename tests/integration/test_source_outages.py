"""Nights whose source goes away: what the look says, who may ask the source and when, and that what came still counts.

The server is real; the clock is set by hand, and the pauses between tries are noted instead of slept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.platforms import NIGHT, House, accounts, house
from tests.support.sources import Dropping, Source, fresh
from typer.testing import CliRunner

from nightwatt import stages
from nightwatt.arrival import breaker
from nightwatt.arrival.transport import SourceLeftAlone
from nightwatt.cli.app import app
from nightwatt.delivery.loopback import LoopbackServer
from nightwatt.errors import TerminalError
from nightwatt.ledger import breakers, looks
from nightwatt.ledger.models import BreakerState
from nightwatt.stages import fetching
from nightwatt.stages import sources as stages_sources

MINUTE = timedelta(minutes=1)


@dataclass
class Far:
    """A home whose feeds lie on a server, the server's disk, and what was slept between tries."""

    home: House
    disk: Path
    keys: Path
    slept: list[float]
    monkeypatch: pytest.MonkeyPatch

    def send(self, part: int, feed: str = "accounts", folder: str = "out") -> None:
        path = self.disk / folder / f"{feed}_{NIGHT:%Y%m%d}_{part}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"ACCT_ID,N\nA{part}1,1\nA{part}2,2\n")
        path.with_name(f"{path.name}.done").touch()

    @contextmanager
    def serving(self, kind: type[Source] = Source, keys: str = "keys") -> Iterator[LoopbackServer]:
        server = LoopbackServer(
            self.disk, keys=self.keys / keys, factory=lambda channel, root: kind(channel, chroot=root), folders=("out",)
        )
        with server:
            for name, value in server.environment("crm").items():
                if keys == "keys" or not name.endswith("HOST_KEY"):
                    self.monkeypatch.setenv(name, value)
            yield server

    def look(self, feed: str = "accounts") -> stages.Expected:
        return stages.expectation(self.home.platform, feed, NIGHT)

    def breaker(self) -> tuple[str, int]:
        with self.home.platform.ledger.read() as session:
            (row,) = breakers.all_of(session)
        return row.state, row.failures

    def later(self, minutes: int) -> None:
        self.home.clock.now += minutes * MINUTE


def contract(feed: str = "accounts", folder: str = "/out", **arrival: Any) -> dict[str, Any]:
    made = accounts(feed=feed)
    source = {"kind": "sftp", "connection": "crm", "folder": folder}
    made["arrival"] |= {"source": source, "pattern": f"{feed}_{{business_date:%Y%m%d}}_{{part}}.csv"} | arrival
    return made


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
    with opened(tmp_path, monkeypatch, contract(), contract("others", "/gone")) as made:
        yield made


@contextmanager
def opened(root: Path, monkeypatch: pytest.MonkeyPatch, *contracts: dict[str, Any]) -> Iterator[Far]:
    slept: list[float] = []
    monkeypatch.setattr(fetching.time, "sleep", slept.append)
    with house(root, *contracts) as home:
        yield Far(home, root / "server", root / "keys", slept, monkeypatch)


def test_a_source_that_goes_away_is_asked_patiently_then_left_alone_then_tried_once(far: Far) -> None:
    with far.serving():
        far.send(1)
        assert "1 of at least 2" in far.look().reason

    for _ in range(3):
        assert "source.unreachable" in far.look().reason
    assert far.slept == [1.0, 5.0, 30.0] * 3
    assert far.breaker() == (BreakerState.OPEN, 3)

    left_alone = far.look()
    assert (left_alone.is_ready, left_alone.arrived, left_alone.expected_at_least) == (False, 1, 2)
    assert "[source.left_alone] sftp:crm is left alone until 04:05:00; 3 visits in a row failed" in left_alone.reason
    with far.home.platform.ledger.read() as session:
        assert looks.of_night(session, NIGHT)["accounts"].reason == left_alone.reason

    far.later(5)
    assert "source.unreachable" in far.look().reason
    assert far.slept == [1.0, 5.0, 30.0] * 3  # a try is one try
    assert "until 04:15:00" in far.look().reason

    far.later(10)
    with far.serving():
        far.send(2)
        assert far.look().is_ready
    assert far.breaker() == (BreakerState.CLOSED, 0)


def test_a_stranger_that_was_seen_is_still_one_while_its_source_is_away(far: Far) -> None:
    def strangers() -> list[list[str]]:
        with far.home.platform.ledger.read() as session:
            return looks.of_night(session, NIGHT)["accounts"].unknown

    with far.serving():
        (far.disk / "out" / "acounts.csv").write_text("named wrongly")
        far.look()
    seen = strangers()

    assert "source.unreachable" in far.look().reason
    assert [name for name, _ in seen] == ["acounts.csv"]
    assert strangers() == seen


def test_a_night_that_is_all_there_stays_so_while_its_source_is_away(far: Far) -> None:
    with far.serving():
        far.send(1)
        far.send(2)
        assert far.look().is_ready

    again = far.look()

    assert again.is_ready
    assert "source.unreachable" in again.reason


def test_a_manifest_that_was_read_is_remembered_while_its_source_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = {"rule": "manifest", "pattern": "accounts_{business_date:%Y%m%d}.json"}
    with opened(tmp_path, monkeypatch, contract(wholeness=rule, min_files=1)) as far:
        far.send(1)
        far.send(2)
        files = sorted((far.disk / "out").glob("*.csv"))
        listed = [{"name": path.name, "bytes": path.stat().st_size} for path in files]
        (far.disk / "out" / "accounts_20260309.json").write_text(json.dumps({"files": listed}))
        with far.serving():
            seen = far.look()
        assert (seen.is_ready, seen.arrived) == (True, 2)

        away = far.look()

    assert (away.is_ready, away.arrived) == (True, 2)


def test_a_changed_host_key_is_said_in_the_look_and_not_tried_again_at_once(far: Far) -> None:
    with far.serving():
        far.look()

    with far.serving(keys="strangers"):
        seen = far.look()

    assert "source.host_key" in seen.reason
    assert not seen.is_ready
    assert far.slept == []
    assert far.breaker() == (BreakerState.CLOSED, 1)


def test_a_folder_that_is_gone_does_not_count_against_the_other_feeds_of_the_server(far: Far) -> None:
    with far.serving():
        for _ in range(4):
            assert "source.folder_missing" in far.look("others").reason
        far.send(1)
        far.send(2)

        assert far.look().is_ready


def test_a_server_that_lets_us_in_and_then_breaks_off_is_left_alone_for_longer_each_time(far: Far) -> None:
    far.send(1)
    with far.serving(fresh(Dropping, after=0, drops_left=99)):
        for _ in range(3):
            assert "source.unreachable" in far.look().reason
        far.later(5)
        far.look()

        assert far.breaker() == (BreakerState.OPEN, 4)
        assert "until 04:15:00" in far.look().reason


def test_a_connection_that_is_not_set_up_is_refused_and_counts_for_nothing(
    far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTWATT_SFTP_CRM_HOST", "sftp.source.invalid")

    with pytest.raises(TerminalError) as caught:
        far.look()

    assert caught.value.code == "source.connection_settings"
    assert "NIGHTWATT_SFTP_CRM_KEY_FILE (not set)" in caught.value.message
    with far.home.platform.ledger.read() as session:
        assert breakers.all_of(session) == []


def test_a_try_that_ends_before_the_source_is_asked_leaves_the_try_to_the_next(far: Far) -> None:
    platform = far.home.platform
    for _ in range(3):
        breakers.failed(platform.ledger, "sftp:crm", "anybody", "gone")
    far.later(5)

    with (
        pytest.raises(TerminalError),
        breaker.visit(platform.ledger, "sftp:crm", platform.settings) as going,
    ):
        assert going.is_try
        raise TerminalError("file.absent", "something of ours went wrong", "")

    with breaker.visit(platform.ledger, "sftp:crm", platform.settings) as going:
        assert going.is_try


def test_a_person_who_knows_that_it_is_back_need_not_wait(far: Far) -> None:
    with far.serving():
        far.look()
    for _ in range(3):
        far.look()
    (before,) = stages_sources.sources(far.home.platform)
    assert (before.source, before.feeds, before.state) == ("sftp:crm", ("accounts", "others"), BreakerState.OPEN)

    with far.serving():
        answers = stages_sources.ask_source(far.home.platform, "sftp:crm")

    assert [(a.feed, a.is_well) for a in answers] == [("accounts", True), ("others", False)]
    assert "source.folder_missing" in answers[1].words
    (after,) = stages_sources.sources(far.home.platform)
    assert (after.state, after.failures, after.error) == (BreakerState.CLOSED, 0, None)


def test_a_source_that_is_still_away_stays_alone_after_a_person_asked(far: Far) -> None:
    with far.serving():
        far.look()
    for _ in range(3):
        far.look()

    answers = stages_sources.ask_source(far.home.platform, "sftp:crm")

    assert [a.is_well for a in answers] == [False, False]
    assert all("source.unreachable" in answer.words for answer in answers)
    assert far.breaker() == (BreakerState.OPEN, 4)


def test_only_sources_of_feeds_in_use_can_be_asked(far: Far) -> None:
    with pytest.raises(TerminalError, match="sources in use: sftp:crm"):
        stages_sources.ask_source(far.home.platform, "sftp:elsewhere")


def test_the_same_in_the_terminal(far: Far) -> None:
    catalog = far.home.platform.settings.catalog
    command = ["--home", str(far.home.platform.settings.home), "--catalog", str(catalog), "sources"]
    for _ in range(3):
        breakers.failed(far.home.platform.ledger, "sftp:crm", "anybody", "[source.unreachable] gone -> wait")

    listed, shown = (CliRunner().invoke(app, [*command, "list", *more]) for more in (["--json"], []))
    with far.serving():
        asked = CliRunner().invoke(app, [*command, "ask", "sftp:crm"])
    table = CliRunner().invoke(app, [*command, "list"])

    assert json.loads(listed.stdout) == [
        {
            "source": "sftp:crm", "state": "open", "failures": 3, "since": "2026-03-09T08:00:00+00:00",
            "retry_at": "2026-03-09T08:05:00+00:00", "feeds": ["accounts", "others"],
            "error": "[source.unreachable] gone -> wait",
        }
    ]  # fmt: skip
    assert "[source.unreachable] gone" in shown.stdout
    assert asked.exit_code == 1
    assert asked.stdout.splitlines()[0] == "good  accounts: /out on sftp:crm: 0 names"
    assert "sftp:crm  asked as usual" in table.stdout


def test_a_try_that_takes_longer_than_any_may_is_still_the_only_one(far: Far) -> None:
    platform = far.home.platform
    for _ in range(3):
        breakers.failed(platform.ledger, "sftp:crm", "anybody", "gone")
    far.later(5)

    with breaker.visit(platform.ledger, "sftp:crm", platform.settings) as slow:
        assert slow.is_try
        far.later(60)  # it counts as killed by now, and is not
        with (
            pytest.raises(SourceLeftAlone, match="another process finds out"),
            breaker.visit(platform.ledger, "sftp:crm", platform.settings),
        ):
            pytest.fail("two at once")

        slow.answered()
        with breaker.visit(platform.ledger, "sftp:crm", platform.settings) as other:
            assert not other.is_try
    assert far.breaker() == (BreakerState.CLOSED, 0)
