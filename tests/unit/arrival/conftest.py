"""A home for arrival tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.arrival import Home


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """An empty home."""
    made = Home(tmp_path / "home")
    yield made
    made.ledger.close()
