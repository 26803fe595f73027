"""Running one stage in a process of its own that kills itself at a chosen point.

Belongs here: the kill points, which are the moments just before a file is renamed, removed, made or opened for
writing under the home: there the state on disk is about to change. Does not belong here: assertions.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from tests.support.processes import CONTEXT

NIGHT = date(2026, 3, 9)
AT = datetime(2026, 3, 9, 8, tzinfo=UTC)
FEEDS = ("ccb_ft", "ccb_sp", "mdm_interval_electric", "mdm_interval_gas")


def run(
    home: Path, stage: str, kill_at: int | None = None, feeds: Sequence[str] = FEEDS, catalog: Path | None = None
) -> int:
    """Run a stage in another process and return how many kill points it passed; 0 if it was killed.

    Args:
        home: the home.
        stage: arrive, load, merge, build or publish.
        kill_at: number of the kill point, from 1, at which the process kills itself.
        feeds: what arrives and is loaded.
        catalog: another catalog than the packaged one.
    """
    passed = CONTEXT.Queue()
    process = CONTEXT.Process(target=_victim, args=(home, stage, kill_at, passed, feeds, catalog))
    process.start()
    process.join(300)
    if process.exitcode == -signal.SIGKILL:
        return 0
    assert process.exitcode == 0, f"{stage} ended with {process.exitcode}"
    return int(passed.get(timeout=10))


def _victim(
    home: Path, stage: str, kill_at: int | None, passed: Any, feeds: Sequence[str], catalog: Path | None
) -> None:
    count = 0

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if not _is_kill_point(event, arguments, str(home)):
            return
        count += 1
        if count == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    do(home, stage, feeds, catalog)
    passed.put(count)


def _is_kill_point(event: str, arguments: tuple[Any, ...], home: str) -> bool:
    if event in {"os.rename", "os.remove", "os.mkdir", "os.rmdir"}:
        return str(arguments[0]).startswith(home)
    if event == "open":
        path, mode, flags = arguments
        writes = bool((flags or 0) & (os.O_WRONLY | os.O_RDWR)) or any(m in str(mode) for m in "wax+")
        return writes and str(path).startswith(home)
    return False


def do(home: Path, stage: str, feeds: Sequence[str] = FEEDS, catalog: Path | None = None) -> None:
    """Run a stage as a DAG would, for the feeds of the test."""
    from nightwatt import stages
    from nightwatt.settings import Settings
    from nightwatt.stages import Platform

    systems = tuple(sorted({feed.partition("_")[0] for feed in feeds}))
    settings = Settings(home=home, threads=1, catalog=catalog, systems=systems)
    with Platform.open("test", settings, clock=lambda: AT) as platform:
        steps: dict[str, Callable[[], Any]] = {
            "arrive": lambda: [stages.arrive(platform, feed) for feed in feeds],
            "load": lambda: [stages.load(platform, feed, NIGHT) for feed in feeds],
            "merge": lambda: stages.merge_reads(platform),
            "build": lambda: stages.build(platform, "usage", NIGHT),
            "publish": lambda: stages.publish(platform, "usage", NIGHT),
        }
        steps[stage]()
