"""Looks from several processes at the same moment, on PostgreSQL: what is wrong is told, and told once."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from sqlalchemy import func, select
from tests.support.postgres import Server, running_server

from nightwatt.ledger import facts, looks
from nightwatt.ledger.models import Alert, Notice
from nightwatt.settings import Settings
from nightwatt.stages import Platform, watch

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

WATCHERS, LOOKS = 4, 3
MORNING = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
"""08:30 in New York: everything that was due by then is missing."""
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as running:
        yield running


def look(home: Path, address: str, barrier: Barrier) -> None:
    """Look as one of several watchers that begin each look together."""
    with Platform.open("watchdog", Settings(home=home, ledger_url=address), clock=lambda: MORNING) as platform:
        for _ in range(LOOKS):
            barrier.wait(120)
            watch(platform)


def begin(home: Path, address: str) -> None:
    """Let a night go by in which something happened: before the first nobody is told anything."""
    before = MORNING - DAY
    with (
        Platform.open("test", Settings(home=home, ledger_url=address), clock=lambda: before) as platform,
        platform.ledger.run("build", "usage", before.date(), "usage_daily/1"),
    ):
        pass


def told(home: Path) -> list[tuple[str, str, int]]:
    """Return what was said: cause, kind and how many alerts each message names."""
    lines = (home / "alerts" / "messages.jsonl").read_text("utf-8").splitlines()
    messages = [json.loads(line) for line in lines]
    assert len({m["message_id"] for m in messages}) == len(messages)
    return sorted((m["cause"], m["kind"], len(m["alerts"])) for m in messages)


def counts(address: str, home: Path) -> tuple[int, dict[str, int]]:
    """Return how many alerts stand, and the messages by their state."""
    with Platform.open("test", Settings(home=home, ledger_url=address)) as platform, platform.ledger.read() as session:
        standing = session.scalar(select(func.count()).select_from(Alert).where(Alert.open_key.is_not(None)))
        states = session.execute(select(Notice.state, func.count()).group_by(Notice.state))
        return standing or 0, {state: number for state, number in states}


def test_four_watchers_say_what_one_says(server: Server, tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    alone, together = server.new_database("alone"), server.new_database("together")
    begin(tmp_path / "alone", alone)
    begin(tmp_path / "together", together)
    with Platform.open("watchdog", Settings(home=tmp_path / "alone", ledger_url=alone), clock=lambda: MORNING) as one:
        for _ in range(LOOKS):
            watch(one)

    barrier = context.Barrier(WATCHERS)
    watchers = [context.Process(target=look, args=(tmp_path / "together", together, barrier)) for _ in range(WATCHERS)]
    for watcher in watchers:
        watcher.start()
    for watcher in watchers:
        watcher.join(300)

    assert [watcher.exitcode for watcher in watchers] == [0] * WATCHERS
    assert told(tmp_path / "together") == told(tmp_path / "alone") != []
    assert counts(together, tmp_path / "together") == counts(alone, tmp_path / "alone")
    assert set(counts(together, tmp_path / "together")[1]) == {"sent"}


@pytest.mark.parametrize("question", ["house", "night_books"])
def test_what_begins_while_a_look_reads_has_not_failed_to_start(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    """First looks for files are noted right after one of a watcher's questions: no alert about a night that runs."""
    early = MORNING - timedelta(hours=7)  # 01:30: usage has been under way for half an hour, nothing is due
    seen = looks.Seen(False, 0, 1, "nothing has come", (), "usage_daily/1")
    ask = getattr(facts, question)

    def asked(*arguments: object) -> object:
        answer = ask(*arguments)
        for feed in ("ccb_acct", "mdm_interval_gas"):
            looks.note(platform.ledger, feed, early.astimezone(platform.settings.tz).date(), seen)
        return answer

    settings = Settings(home=tmp_path, ledger_url=server.new_database(f"beginning_{question}"))
    with Platform.open("watchdog", settings, clock=lambda: early) as platform:
        monkeypatch.setattr(facts, question, asked)
        assert watch(platform).standing == ()
