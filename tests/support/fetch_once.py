"""Fetching files in a process of its own, which dies in the middle of it.

Belongs here: where it dies. Does not belong here: what must be left of it.
"""

from __future__ import annotations

import inspect
import os
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

from tests.support.arrival import Home
from tests.support.processes import die
from tests.support.sources import FarHome, done_feed, plain_feed

from nightwatt.arrival import arrive
from nightwatt.arrival.memory import Memory
from nightwatt.arrival.partials import Part
from nightwatt.arrival.sftp import SftpFolder
from nightwatt.arrival.sftp_session import Session
from nightwatt.ledger import receipts

arriving = import_module("nightwatt.arrival.arrive")  # the package's attribute is the function of that name

SAFE_BYTES = 100_000
DIES_AFTER = 500_000


def fetch_and_die(root: str, server: str, port: int, pinned: str) -> None:
    """Download a file, and die once so much of it is counted and a little more is written."""
    far = FarHome(Home(Path(root)), Path(server), pinned=pinned, safe_bytes=SAFE_BYTES)
    count = Part.count

    def counted(part: Part, descriptor: int, length: int) -> None:
        count(part, descriptor, length)
        if length > DIES_AFTER:
            os.write(descriptor, b"written, and not counted")
            die()

    with mock.patch.object(Part, "count", counted), far.open(port, plain_feed()) as folder:
        (entry, _) = folder.listing()
        folder.fetch(entry, far.home.root / "never")


STEPS: dict[str, tuple[Any, str, str]] = {
    "before a download": (SftpFolder, "_download", "before"),
    "after a download": (SftpFolder, "_download", "after"),
    "after a whole part was given on": (Part, "give", "after"),
    "after a file was archived": (arriving, "archive", "after"),
    "before a receipt": (receipts, "add", "before"),
    "after the receipts, before anything is moved": (SftpFolder, "received", "before"),
    "before a marker is moved": (Session, "rename", "before"),
    "after a marker was moved, before its file": (Session, "rename", "after"),
    "after a file was moved": (SftpFolder, "received", "after"),
    "before the looks are kept": (Memory, "save", "before"),
}
"""Where, which function, killed before or after it has run."""


def arrive_and_die(root: str, server: str, port: int, pinned: str, step: str) -> None:
    """Arrive, and die at a step."""
    far = FarHome(Home(Path(root)), Path(server), pinned=pinned)
    where, name, when = STEPS[step]
    real = getattr(where, name)

    def deadly(*args: Any, **options: Any) -> Any:
        if when == "before":
            die()
        done = real(*args, **options)
        if not inspect.isawaitable(done):
            die()
        return dying(done)

    async def dying(done: Any) -> None:
        await done
        die()

    with mock.patch.object(where, name, deadly), far.open(port, done_feed()) as folder:
        arrive(done_feed(), far.home.settings, far.home.ledger, transport=folder)
