"""How files are reached: the little that arrival asks of a folder, wherever it is.

Belongs here: the protocol and its records; a transport for SFTP, SQL or HTTP implements it. Does not
belong here: what a file name means and when a file is whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from nightwatt.errors import TerminalError, TransientError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """One name in a folder. `fault` says why it is nothing that could be fetched."""

    name: str
    size: int = 0
    mtime_ns: int = 0
    is_folder: bool = False
    fault: TerminalError | None = None

    @property
    def stamp(self) -> tuple[int, int]:
        """Size and change time: the same stamp twice is taken for the same content."""
        return self.size, self.mtime_ns

    @property
    def changed_at(self) -> datetime:
        """The change time as an instant, to the microsecond (all the ledger keeps)."""
        try:
            return _EPOCH + timedelta(microseconds=self.mtime_ns // 1000)
        except OverflowError:  # a nonsense time on a damaged disk
            return _EPOCH


class Transport(Protocol):
    """A folder files come in by."""

    def listing(self) -> Sequence[Entry]:
        """Return every name in the folder, sorted; an empty or absent folder has none.

        Raises:
            TransientError: the folder cannot be reached at the moment.
        """

    def fetch(self, entry: Entry, target: Path) -> None:
        """Copy a file to a new local path, down to the disk.

        Raises:
            ChangedMeanwhile: it is not what was listed; look again later.
            TerminalError: it must not or cannot be read.
            TransientError: try again.
        """

    def read_small(self, entry: Entry, limit: int) -> bytes:
        """Return the bytes of a small file such as a manifest. Raises as `fetch`."""

    def received(self, entry: Entry, marker: Entry | None, receipt: int) -> None:
        """Hear that a file's receipt is committed, now or at an earlier look: it need not be fetched again.

        Args:
            entry: the file.
            marker: its done marker, where it has one.
            receipt: the receipt's number.

        Raises:
            PlaceRefused: it cannot be put where received files belong; it stays where it is.
            TransientError: try again at a later look.
        """


class ChangedMeanwhile(TransientError):
    """A file changed, or went, between listing and fetching."""

    def __init__(self, name: str, how: str) -> None:
        super().__init__("file.changed", f"{name} {how} while it was being copied", "it is taken at a later look")


class SourceAway(TransientError):
    """The source did not answer, or broke off: the same may go well in a moment.

    Args:
        code: see `NightWattError`.
        message: see there.
        remedy: see there.
        after_seconds: how long it asks to be left alone, where it says so.
    """

    def __init__(self, code: str, message: str, remedy: str = "", *, after_seconds: float = 0.0) -> None:
        super().__init__(code, message, remedy)
        self.after_seconds = after_seconds


class SourceRefused(TerminalError):
    """The source as a whole will have nothing to do with us, or must not: a person has to look."""


class PlaceRefused(TerminalError):
    """The source answers, but not for this folder or file; others of the same source may do well."""


class SourceLeftAlone(TransientError):
    """The source failed again and again; nobody asks it until its time is up."""


SOURCE_TROUBLE = (SourceAway, SourceRefused, PlaceRefused, SourceLeftAlone)
"""What is wrong over there and not here: what came before counts all the same, and a later look may have more luck."""
