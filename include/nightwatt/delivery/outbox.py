"""The outbox: where files wait for the courier and stay as the archive of what was sent.

Belongs here: paths, the lock that keeps two couriers of one delivery apart, leftovers. Does not belong
here: what the files hold, or the ledger.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from nightwatt.errors import TransientError


def folder_of(outbox: Path, delivery: str, business_date: date) -> Path:
    """Return the folder of one delivery's business date."""
    return outbox / delivery / business_date.isoformat()


def sha256_of(path: Path) -> str:
    """Return the hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_leftovers(folder: Path, keep: set[str]) -> None:
    """Remove files no sending speaks of: what a run wrote that was stopped before its intent."""
    if folder.is_dir():
        for path in folder.iterdir():
            if path.is_file() and path.name not in keep:
                path.unlink()


def make_durable(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def only_one(outbox: Path, delivery: str) -> Iterator[None]:
    """Hold a delivery for this process; the lock goes with the process, however it ends.

    Raises:
        TransientError: `delivery.busy`.
    """
    place = outbox / delivery
    place.mkdir(parents=True, exist_ok=True)
    with (place / ".lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TransientError(
                "delivery.busy",
                f"{delivery}: another process is sending it",
                "wait for it, or look at what it hangs on",
            ) from None
        yield
