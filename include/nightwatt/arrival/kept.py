"""A folder nobody can look into now, as a transport: of what lay there, the manifests that were kept.

Belongs here: answering from what earlier looks kept, so that a night that is all there stays so while its source is
away. Does not belong here: keeping (`partials.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nightwatt.arrival.partials import Partials
from nightwatt.arrival.transport import Entry, SourceAway


class KeptFolder:
    """What is still known of a folder."""

    def __init__(self, partials: Partials) -> None:
        self._partials = partials

    def listing(self) -> Sequence[Entry]:
        """Return the small files that were kept."""
        return sorted(self._partials.smalls(), key=lambda e: e.name)

    def fetch(self, entry: Entry, target: Path) -> None:  # noqa: ARG002
        """Fetch nothing."""
        raise _nothing_else(entry)

    def read_small(self, entry: Entry, limit: int) -> bytes:
        """Return what was kept of a small file."""
        content = self._partials.small(entry)
        if content is None or len(content) > limit:
            raise _nothing_else(entry)
        return content

    def received(self, entry: Entry, marker: Entry | None, receipt: int) -> None:
        """Tell nobody."""


def _nothing_else(entry: Entry) -> SourceAway:
    return SourceAway(
        "source.unreachable", f"{entry.name} cannot be fetched: its source is away", "it is asked again by itself"
    )
