"""Two loads of one feed at the same moment: one waits for the other, and no receipt is read twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from nightwatt import locks, stages
from nightwatt.errors import TransientError
from nightwatt.ledger.models import Load, LoadState, Receipt, ReceiptState
from nightwatt.settings import Settings
from nightwatt.simulator import Utility, write_night
from nightwatt.stages import Platform, loading

NIGHT = date(2026, 3, 9)
FEED = "ccb_sp"


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """A home in which the files of one feed have landed."""
    write_night(Utility(customers=5, faults=False), NIGHT, tmp_path / "inbound", history_days=1, first_night=True)
    at = datetime(2026, 3, 9, 8, tzinfo=UTC)
    with Platform.open("test", Settings(home=tmp_path, threads=1), clock=lambda: at) as opened:
        stages.arrive(opened, FEED)
        yield opened


def entered(platform: Platform) -> tuple[list[ReceiptState], list[LoadState]]:
    """Return the states of all receipts and of all loads."""
    with platform.ledger.read() as session:
        return list(session.scalars(select(Receipt.state))), list(session.scalars(select(Load.state)))


def test_a_feed_that_is_being_loaded_is_a_transient_error(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "LOAD_WAIT_S", 0.0)
    held = rf"the intake of {FEED} is held by 'by hand' \(process {os.getpid()} "
    lock = platform.settings.scratch / "locks" / f"load-{FEED}.lock"
    before = entered(platform)
    with locks.hold(lock, "by hand", code="", timeout_s=0):
        with pytest.raises(TransientError, match=held) as refused:
            stages.load(platform, FEED, NIGHT)
        assert refused.value.code == "load.busy"
        with pytest.raises(TransientError, match=held) as refused:
            stages.replay_rejects(platform, 1)
        assert refused.value.code == "load.busy"
        assert stages.load(platform, "ccb_ft").receipts == 0  # another feed's loads go on
    assert entered(platform) == before
    assert stages.load(platform, FEED, NIGHT).receipts == len(before[0])


def test_loads_at_the_same_moment_read_each_receipt_once(platform: Platform) -> None:
    with ThreadPoolExecutor(3) as pool:
        found = [pool.submit(stages.load, platform, FEED) for _ in range(3)]
    receipts, loads = entered(platform)
    assert sorted(f.result().receipts for f in found) == [0, 0, len(receipts)]
    assert set(receipts) == {ReceiptState.LOADED}
    assert loads == [LoadState.DONE] * len(receipts)
