"""Locks between processes: one at a time works on a thing, and the others can see which one that is.

Belongs here: an operating-system file lock (gone the moment its process is, however it ended) that
carries who holds it. Does not belong here: which things have a lock, and what is done under it.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from nightwatt.errors import TransientError

POLL_S = 0.1


@dataclass(frozen=True)
class Holder:
    """Who holds a lock: process, machine, person, purpose, since when."""

    pid: int
    host: str
    user: str
    purpose: str
    since: str

    def __str__(self) -> str:
        return f"{self.purpose!r} (process {self.pid} of {self.user} on {self.host}, since {self.since})"


@dataclass(frozen=True)
class HeldLock:
    """Proof of holding a lock; functions that must not run without it ask for it."""

    path: Path
    holder: Holder


@contextmanager
def hold(
    path: Path,
    purpose: str,
    *,
    code: str,
    timeout_s: float,
    what: str | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[HeldLock]:
    """Hold the lock at a path for the length of a block, waiting for whoever has it.

    It excludes other threads of the process like other processes, and so cannot be taken twice.

    Args:
        path: the lock file; made where it is missing, and never to be removed.
        purpose: what for, as another process should read it.
        code: the code of the error when the wait is over.
        timeout_s: how long to wait; 0 for not at all.
        what: the thing that is locked, for the error's message; the file's name otherwise.
        sleep: waits so many seconds.

    Raises:
        TransientError: with the given code, naming the holder, when the wait is over.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        if not _wait(file, timeout_s, sleep):
            raise TransientError(
                code,
                f"{what or path.name} is held by {_read(file) or 'another process that has not said who it is'}",
                "try again when it has ended, or look at that process; the lock goes when its process does "
                f"(waited {timeout_s:g} s)",
            )
        holder = _myself(purpose)
        _write(file, json.dumps(asdict(holder)))
        try:
            yield HeldLock(path, holder)
        finally:
            _write(file, "")
            fcntl.flock(file, fcntl.LOCK_UN)


def holder_of(path: Path) -> Holder | None:
    """Return who holds the lock at a path, or None when nobody does.

    A process that was killed leaves its name in the file but not the lock; that counts as nobody.
    """
    try:
        with path.open("r", encoding="utf-8") as file:
            if _take(file, fcntl.LOCK_SH):
                fcntl.flock(file, fcntl.LOCK_UN)
                return None
            return _read(file)
    except FileNotFoundError:
        return None


def _wait(file: TextIO, timeout_s: float, sleep: Callable[[float], None]) -> bool:
    until = time.monotonic() + timeout_s
    while not _take(file, fcntl.LOCK_EX):
        if time.monotonic() >= until:
            return False
        sleep(POLL_S)
    return True


def _take(file: TextIO, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(file: TextIO) -> Holder | None:
    file.seek(0)
    try:
        return Holder(**json.loads(file.read()))
    except (ValueError, TypeError):
        return None  # between taking the lock and writing the name


def _write(file: TextIO, content: str) -> None:
    """Say in the file who holds it, where there is room: a full disk must not stop the one who has the lock."""
    with suppress(OSError):
        os.ftruncate(file.fileno(), 0)
        os.write(file.fileno(), content.encode())


def _myself(purpose: str) -> Holder:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        user = str(os.getuid())
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return Holder(os.getpid(), socket.gethostname(), user, purpose, since)
