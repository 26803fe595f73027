"""Looks: what was seen last of a feed's night, in few writes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from threading import Barrier

import pytest

from nightwatt.ledger import Ledger, looks

NIGHT = date(2026, 3, 9)
START = datetime(2026, 3, 9, 6, tzinfo=UTC)
NOTHING = looks.Seen(False, 0, 2, "2 of at least 2 file(s) missing", (), "usage_daily/run")
ALL = replace(NOTHING, is_ready=True, arrived=2, reason="all files are there")


class Hand:
    """A clock set by hand."""

    now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def ledger(open_ledger: Callable[..., Ledger], clock: Hand) -> Ledger:
    return open_ledger(clock)


def noted(ledger: Ledger) -> tuple[datetime, datetime, datetime | None, str]:
    with ledger.read() as session:
        row = looks.of_night(session, NIGHT)["reads"]
    return row.first_at, row.at, row.ready_at, row.reason


def test_the_same_again_is_noted_only_after_a_while(ledger: Ledger, clock: Hand) -> None:
    at = []
    for seconds in (0, 30, 90, 120, 150):
        clock.now = START + timedelta(seconds=seconds)
        looks.note(ledger, "reads", NIGHT, NOTHING)
        at.append(int((noted(ledger)[1] - START).total_seconds()))
    assert at == [0, 0, 0, 120, 120]


def test_news_is_noted_at_once_and_being_whole_has_its_time(ledger: Ledger, clock: Hand) -> None:
    looks.note(ledger, "reads", NIGHT, NOTHING)
    clock.now += timedelta(seconds=30)
    looks.note(ledger, "reads", NIGHT, ALL)
    whole_at = clock.now
    assert noted(ledger) == (START, whole_at, whole_at, ALL.reason)

    clock.now += timedelta(minutes=10)
    looks.note(ledger, "reads", NIGHT, ALL)
    assert noted(ledger) == (START, clock.now, whole_at, ALL.reason)

    looks.note(ledger, "reads", NIGHT, replace(NOTHING, reason="1 on hold"))
    assert noted(ledger)[2:] == (None, "1 on hold")


def test_files_nobody_knows_are_noted_with_the_reason(ledger: Ledger, clock: Hand) -> None:
    looks.note(ledger, "reads", NIGHT, replace(NOTHING, unknown=[("b.csv", "no feed"), ("a.csv", "no feed")]))
    with ledger.read() as session:
        newest = looks.newest(session, "reads")
        assert newest is not None
        assert newest.unknown == [["a.csv", "no feed"], ["b.csv", "no feed"]]
        assert looks.newest(session, "other") is None


def test_a_clock_set_back_does_not_silence_looks(ledger: Ledger, clock: Hand) -> None:
    looks.note(ledger, "reads", NIGHT, NOTHING)
    clock.now = START - timedelta(days=1)
    looks.note(ledger, "reads", NIGHT, NOTHING)
    assert noted(ledger)[1] == clock.now


def test_many_first_looks_at_once_are_one_entry_each(ledger: Ledger) -> None:
    """Sensors, sweeps and people look side by side; whoever comes second finds the entry of the first."""
    together = Barrier(6)

    def look(feed: str) -> None:
        together.wait()
        looks.note(ledger, feed, NIGHT, NOTHING)

    with ThreadPoolExecutor(6) as pool:
        for n in range(5):
            list(pool.map(look, [f"reads{n}"] * 6))
    with ledger.read() as session:
        assert list(looks.of_night(session, NIGHT)) == [f"reads{n}" for n in range(5)]
