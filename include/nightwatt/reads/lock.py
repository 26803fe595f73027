"""One merge at a time: a lock file that says who holds it.

Belongs here: taking and giving back the operating system's lock on `LOCK`. Does not belong here: what is
done under it. The lock dies with its process, so a killed merge never blocks the next one.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from nightwatt.errors import TransientError

POLL_SECONDS = 0.05


@contextmanager
def exclusive(path: Path, purpose: str, wait_seconds: float) -> Iterator[None]:
    """Hold the lock for the length of the block.

    Args:
        path: the lock file; made where it is missing and never removed.
        purpose: what the lock is held for, told to whoever has to wait.
        wait_seconds: how long to wait for another holder before giving up.

    Raises:
        TransientError: `reads.locked`, naming the holder, when the wait was not long enough.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        _acquire(file.fileno(), path, time.monotonic() + wait_seconds)
        file.seek(0)
        file.truncate()
        now = datetime.now(UTC).isoformat(timespec="seconds")
        file.write(f"{purpose}, process {os.getpid()} on {socket.gethostname()} since {now}\n")
        file.flush()
        try:
            yield
        finally:
            file.seek(0)
            file.truncate()
            fcntl.flock(file.fileno(), fcntl.LOCK_UN)


def _acquire(descriptor: int, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = path.read_text(encoding="utf-8").strip() or "a process that has not said its name yet"
                raise TransientError(
                    "reads.locked",
                    f"the reads store is being changed: {holder}",
                    "try again when it has finished; the lock is given back even if that process dies",
                ) from None
            time.sleep(POLL_SECONDS)
        else:
            return
