"""Small nights shared by the simulator's tests; written once per run, only read by tests."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from nightwatt.simulator import NightSummary, Utility, write_night

SMALL = Utility(customers=240, seed=7)
FIRST_NIGHT = date(2026, 3, 6)
NIGHTS = 16  # long enough for every late read and correction of the first days to have arrived


@pytest.fixture(scope="session")
def reads_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[NightSummary]]]:
    """Sixteen nights of reads from two days of history on, over the spring clock change of 8 March 2026."""
    folder = tmp_path_factory.mktemp("reads")
    nights = [FIRST_NIGHT + timedelta(days=n) for n in range(NIGHTS)]
    yield (
        folder,
        [write_night(SMALL, n, folder, history_days=2 if n == FIRST_NIGHT else 1, systems=["mdm"]) for n in nights],
    )


@pytest.fixture(scope="session")
def ccb_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, NightSummary]]:
    """One complete billing extract of a bigger utility."""
    folder = tmp_path_factory.mktemp("ccb")
    utility = Utility(customers=900, seed=11)
    yield folder, write_night(utility, date(2026, 5, 12), folder, first_night=True, systems=["ccb"])
