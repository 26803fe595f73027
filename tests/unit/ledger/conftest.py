"""The ledger on both databases: each test here runs on SQLite, and with `--system` on a private PostgreSQL too.

Belongs here: the address and the opened ledger. Does not belong here: rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.postgres import BOTH, Server

from nightwatt.ledger import Ledger

NOW = datetime(2026, 3, 9, 8, 30, tzinfo=UTC)


@pytest.fixture(params=BOTH)
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of a ledger in which nothing stands; on SQLite it is not there yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'deep' / 'ledger.db'}"
    server: Server = request.getfixturevalue("server")
    return server.new_database(template=request.getfixturevalue("ledger_on_postgres"))


@pytest.fixture(params=BOTH)
def unborn(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the address of a ledger that is not there yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    server: Server = request.getfixturevalue("server")
    return server.new_database()


@pytest.fixture
def open_ledger(address: str) -> Iterator[Callable[..., Ledger]]:
    """Return what opens the ledger of this test, as often as wanted, by any clock."""
    opened: list[Ledger] = []

    def open_it(clock: Callable[[], datetime] = lambda: NOW) -> Ledger:
        opened.append(Ledger.open(address, clock))
        return opened[-1]

    yield open_it
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(open_ledger: Callable[..., Ledger]) -> Ledger:
    """Return a new ledger whose clock stands still."""
    return open_ledger()
