"""The outbox: where files wait for the courier and stay as the archive of what was sent.

Belongs here: paths, the lock that keeps two couriers of one delivery apart, leftovers. Does not belong
here: what the files hold, or the ledger.
"""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path

from nightwatt import locks


def folder_of(outbox: Path, delivery: str, business_date: date) -> Path:
    """Return the folder of one delivery's business date."""
    return outbox / delivery / business_date.isoformat()


def sha256_of(path: Path) -> str:
    """Return the hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


ROWS = ".rows.parquet"
"""What is put behind a file's name for the list of keys and content hashes it carries."""


def rows_beside(file: Path) -> Path:
    """Return where the list of what a file carries lies: beside it, never sent."""
    return file.with_name(file.name + ROWS)


def remove_leftovers(folder: Path, keep: set[str]) -> None:
    """Remove files no sending speaks of: what a run wrote that was stopped before its intent."""
    if folder.is_dir():
        for path in folder.iterdir():
            if path.is_file() and path.name.removesuffix(ROWS) not in keep:
                path.unlink()


def only_one(outbox: Path, delivery: str) -> AbstractContextManager[locks.HeldLock]:
    """Hold a delivery for this process, without waiting for another one.

    Raises:
        TransientError: `delivery.busy`.
    """
    lock = outbox / delivery / ".lock"
    return locks.hold(lock, f"deliver {delivery}", code="delivery.busy", timeout_s=0, what=f"the delivery {delivery}")
