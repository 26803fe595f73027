"""Fetching a file in a process of its own, which dies in the middle of it.

Belongs here: where it dies. Does not belong here: what must be left of it.
"""

from __future__ import annotations

import os
from pathlib import Path
from unittest import mock

from tests.support.arrival import Home
from tests.support.processes import die
from tests.support.sources import FarHome, plain_feed

from nightwatt.arrival.partials import Part

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
