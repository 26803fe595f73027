"""Watchers killed at every step, and watchers side by side: a matter is told once, and never not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.looks_once import STEPS, look, look_beside_others, make_home, told
from tests.support.postgres import Server, running_server
from tests.support.processes import CONTEXT, killed

from nightwatt.ledger import Ledger, alerts, notices

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.system)]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Start a PostgreSQL, for the tests that ask for one."""
    with running_server() as running:
        yield running


@pytest.fixture(params=BOTH)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of the ledger of a home in which billing has not begun."""
    if request.param == "sqlite":
        address = f"sqlite:///{tmp_path / 'ledger.db'}"
    else:
        server: Server = request.getfixturevalue("server")
        address = server.new_database()
    make_home(tmp_path, address)
    return address


def counted(address: str) -> tuple[int, set[str]]:
    """How many alerts there ever were, and the states of what is to be said about them."""
    ledger = Ledger.open(address)
    with ledger.read() as session:
        found = len(alerts.newest(session, 100)), {n.state for n in notices.newest(session, 100)}
    ledger.close()
    return found


@pytest.mark.parametrize("step", STEPS)
def test_a_watcher_killed_at_any_step_is_taken_over_by_the_next(address: str, tmp_path: Path, step: str) -> None:
    killed(look, tmp_path, address, 0, step)

    look(tmp_path, address, minutes=1)
    # who died with a message in hand is given five minutes
    in_hand = step in {"claimed", "accepted"}
    assert len(told(tmp_path)) == (0 if step == "claimed" else 1)
    assert counted(address) == (1, {"sending"} if in_hand else {"sent"})

    look(tmp_path, address, minutes=5)
    look(tmp_path, address, minutes=6)

    assert [(m["kind"], m["cause"]) for m in told(tmp_path)] == [("opened", "night")]
    assert counted(address) == (1, {"sent"})


def test_watchers_side_by_side_tell_once(address: str, tmp_path: Path) -> None:
    watchers, start = 3, CONTEXT.Barrier(3)
    processes = [
        CONTEXT.Process(target=look_beside_others, args=(tmp_path, address, start, 4)) for _ in range(watchers)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)

    assert [process.exitcode for process in processes] == [0] * watchers
    assert [(m["kind"], m["cause"]) for m in told(tmp_path)] == [("opened", "night")]
    assert counted(address) == (1, {"sent"})
