"""Fixtures of the reads store's tests: a home, a store in it, and one call that makes and merges loads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.reads.lake import Row, write

from nightwatt.reads import MergeResult, ReadsStore
from nightwatt.settings import Settings

Merge = Callable[..., MergeResult]


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """A home of this test's own."""
    return Settings(home=tmp_path)


@pytest.fixture
def store(home: Settings) -> ReadsStore:
    """An empty store."""
    return ReadsStore(home.reads, home, wait_seconds=0)


@pytest.fixture
def merge(store: ReadsStore, home: Settings) -> Merge:
    """Write the rows of each load to a lake file of its own and merge them."""

    def merge_rows(*rows: Row) -> MergeResult:
        loads = sorted({row["load_sequence"] for row in rows})
        files = [
            write(home.lake / "feed" / f"load={n}" / "part-0.parquet", [r for r in rows if r["load_sequence"] == n])
            for n in loads
        ]
        return store.merge(files, loads)

    return merge_rows
