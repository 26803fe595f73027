"""Killed at any step, and run again: the same receipts, the same archive, nothing left over."""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.support.arrival import ROWS, Home, make_feed

from nightwatt.arrival import arrive
from nightwatt.arrival.local import LocalFolder
from nightwatt.arrival.memory import Memory
from nightwatt.ledger import Ledger, receipts

arriving = import_module("nightwatt.arrival.arrive")  # the package's attribute is the function of that name
landing = import_module("nightwatt.arrival.landing")
local = import_module("nightwatt.arrival.local")


def half_copy(source: Any, target: Any, _size: int) -> None:
    """Copy some of a file."""
    target.write(source.read(20))


# where, which function, killed before or after it has run
STEPS: dict[str, tuple[Any, str, str]] = {
    "before a copy": (LocalFolder, "fetch", "before"),
    "in the middle of a copy": (local.shutil, "copyfileobj", "half"),
    "before a copy is on disk": (local.os, "fsync", "before"),
    "after a copy": (LocalFolder, "fetch", "after"),
    "after a file was read through": (arriving, "examine", "after"),
    "before a file is renamed into the archive": (Path, "replace", "before"),
    "after a file was renamed into the archive": (Path, "replace", "after"),
    "after a file was archived": (arriving, "archive", "after"),
    "before a receipt": (receipts, "add", "before"),
    "after a receipt, before its commit": (receipts, "add", "after"),
    "before the looks are kept": (Memory, "save", "before"),
    "after the looks were kept": (Memory, "save", "after"),
}


def fill(home: Home) -> Home:
    """Drop three files, one of which comes twice and one of which is cut off."""
    for n in range(3):
        home.send(f"reads_20260309_{n:03}.csv.gz", text=ROWS + b"SP%d,1\n" % n)
    home.send("reads_20260309_003.csv.gz", text=ROWS + b"SP0,1\n")
    home.send("reads_20260309_004.csv.gz", packed=b"\x1f\x8b\x08\0")
    for path in home.inbound.iterdir():
        os.utime(path, (1_772_000_000, 1_772_000_000))
    return home


def state(home: Home) -> tuple[list[dict[str, Any]], list[str], dict[str, bytes]]:
    """Return receipts, the tree of the landing folder, and its content."""
    columns = [{c.key: getattr(r, c.key) for c in r.__table__.columns} for r in home.receipts()]
    tree = sorted(str(p.relative_to(home.settings.landing)) for p in home.settings.landing.rglob("*"))
    return columns, tree, home.landed()


def killed_at(where: Any, name: str, when: str, turn: int) -> Callable[..., Any]:
    """Return the function at a step, which kills its process at its n-th call."""
    real = getattr(where, name)
    calls = 0

    @functools.wraps(real)
    def deadly(*args: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls < turn:
            return real(*args, **options)
        if when == "half":
            half_copy(*args, **options)
        elif when == "after":
            real(*args, **options)
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    return deadly


def arrive_and_die(home: Home, where: Any, name: str, when: str, turn: int) -> int:
    """Run an arrival in a child process; return the signal that ended it, or 0."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            ledger = Ledger.open(home.settings.ledger_address, lambda: home.now)
            setattr(where, name, killed_at(where, name, when, turn))
            arrive(make_feed(), home.settings, ledger)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("turn", [1, 2])
@pytest.mark.parametrize("step", STEPS)
def test_killed_and_run_again_is_the_same_as_never_killed(tmp_path: Path, step: str, turn: int) -> None:
    where, name, when = STEPS[step]
    never, killed = fill(Home(tmp_path / "never")), fill(Home(tmp_path / "killed"))
    never.arrive()
    killed.ledger.close()  # a child must not inherit open connections
    ended_by = arrive_and_die(killed, where, name, when, turn)
    assert ended_by == (0 if where is Memory and turn == 2 else signal.SIGKILL)
    found = killed.arrive()
    assert state(killed) == state(never)
    assert found.waiting == found.refused == []
    assert killed.arrive().known == [f"reads_20260309_{n:03}.csv.gz" for n in range(5)]
    never.ledger.close()
    killed.ledger.close()
