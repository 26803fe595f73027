"""What tests of several rooms share: a PostgreSQL, started when the first of them asks.

Belongs here: fixtures that cost much and hold nothing of a test. Does not belong here: rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.postgres import Server, running_server

from nightwatt.ledger import Ledger


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Start a PostgreSQL, for the tests that run on both databases."""
    with running_server() as running:
        yield running


@pytest.fixture(scope="session")
def ledger_on_postgres(server: Server) -> str:
    """The name of a database that holds a ledger in which nothing stands; a copy takes less than making one."""
    Ledger.open(server.new_database("ledger")).close()
    return "ledger"
