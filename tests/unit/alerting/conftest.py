"""A new ledger for each test, on either database; SQLite's is a copy, since making one takes longer than the tests.

Belongs here: that ledger. Does not belong here: rows.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.postgres import BOTH, Server

from nightwatt.ledger import Ledger


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a ledger in which nothing stands."""
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    Ledger.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture(params=BOTH)
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """A ledger of this test's own."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("empty_ledger"), tmp_path / "ledger.db")
        address = f"sqlite:///{tmp_path / 'ledger.db'}"
    else:
        server: Server = request.getfixturevalue("server")
        address = server.new_database(template=request.getfixturevalue("ledger_on_postgres"))
    opened = Ledger.open(address)
    yield opened
    opened.close()
