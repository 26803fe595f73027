"""The local inbound folder as a transport.

Belongs here: listing and copying, and keeping to regular files inside the folder. Does not belong here:
names and wholeness.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from nightwatt.arrival.transport import ChangedMeanwhile, Entry
from nightwatt.errors import TerminalError, TransientError

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class LocalFolder:
    """A folder on this machine. Only regular files in it are ever opened; symbolic links may not lead out."""

    def __init__(self, folder: Path, inbound: Path | None = None) -> None:
        self._folder = folder.resolve()
        if inbound and not self._folder.is_relative_to(inbound.resolve()):
            raise TerminalError(
                "arrival.folder_outside",
                f"the folder {folder} leads out of the inbound folder {inbound}",
                "replace the symbolic link by a folder, or mount the other place there",
            )

    def listing(self) -> Sequence[Entry]:
        """Return every name, sorted."""
        try:
            with os.scandir(self._folder) as found:
                names = sorted(e.name for e in found)
        except FileNotFoundError:
            return []
        except OSError as e:
            raise TransientError(
                "arrival.folder_unreadable",
                f"the folder {self._folder} cannot be listed: {e.strerror}",
                "check that it is mounted and that this user may read it",
            ) from e
        return [entry for name in names if (entry := self.entry(name))]

    def entry(self, name: str) -> Entry | None:
        """Return one name as it is now; None if it has gone."""
        path = self._folder / name
        try:
            if path.is_symlink():
                real = path.resolve(strict=True)
                if not real.is_relative_to(self._folder):
                    return Entry(name, fault=_outside(name))
            status = path.stat()
        except FileNotFoundError:
            return Entry(name, fault=_dangling(name)) if path.is_symlink() else None
        except (OSError, RuntimeError):  # a link that turns in a circle, or is not ours to follow
            return Entry(name, fault=_dangling(name))
        if not stat.S_ISREG(status.st_mode):
            return Entry(name, is_folder=stat.S_ISDIR(status.st_mode), fault=_not_regular(name, status.st_mode))
        return Entry(name, status.st_size, status.st_mtime_ns)

    def fetch(self, entry: Entry, target: Path) -> None:
        """Copy a file to a new path and force it to disk."""
        with self._open(entry) as source, target.open("xb") as copy:
            try:
                shutil.copyfileobj(source, copy, 1 << 20)
                copy.flush()
                os.fsync(copy.fileno())
            except OSError as e:
                raise _copy_failed(entry.name, e) from e
            if _stamp(source) != entry.stamp or copy.tell() != entry.size:
                raise ChangedMeanwhile(entry.name, "changed")

    def read_small(self, entry: Entry, limit: int) -> bytes:
        """Return a small file's bytes."""
        with self._open(entry) as source:
            content = source.read(limit + 1)
            if len(content) > limit:
                raise TerminalError(
                    "manifest.too_big", f"{entry.name} has more than {limit:,} bytes", "ask the sender for a manifest"
                )
            if _stamp(source) != entry.stamp:
                raise ChangedMeanwhile(entry.name, "changed")
        return content

    def received(self, entry: Entry, marker: Entry | None, receipt: int) -> None:
        """Leave a received file where its sender put it."""

    @contextmanager
    def _open(self, entry: Entry) -> Iterator[BinaryIO]:
        # The listing is old by now: resolve and judge again what is really opened. Not blocking, because
        # opening a named pipe would wait for its other end for ever.
        now = self.entry(entry.name)
        if now is None:
            raise ChangedMeanwhile(entry.name, "went away")
        if now.fault:
            raise now.fault
        try:
            real = (self._folder / entry.name).resolve(strict=True)
            handle = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError as e:
            raise ChangedMeanwhile(entry.name, "went away") from e
        except OSError as e:
            raise _not_readable(entry.name, e) from e
        with os.fdopen(handle, "rb", buffering=0) as source:
            mode = os.fstat(handle).st_mode
            if not stat.S_ISREG(mode):
                raise _not_regular(entry.name, mode)
            if _stamp(source) != entry.stamp:
                raise ChangedMeanwhile(entry.name, "changed")
            yield source


def _stamp(source: BinaryIO) -> tuple[int, int]:
    status = os.fstat(source.fileno())
    return status.st_size, status.st_mtime_ns


def _outside(name: str) -> TerminalError:
    return TerminalError(
        "file.outside_folder",
        f"{name} is a symbolic link that leads out of the inbound folder",
        "it was not opened; ask the sender for the file itself",
    )


def _dangling(name: str) -> TerminalError:
    return TerminalError(
        "file.dangling_link", f"{name} is a symbolic link that leads nowhere", "remove it, or put its target in place"
    )


def _not_regular(name: str, mode: int) -> TerminalError:
    kind = next((words for is_kind, words in _KINDS if is_kind(mode)), "not a file")
    return TerminalError(
        "file.not_regular", f"{name} is {kind}, not a regular file", "it was not opened; ask the sender for a file"
    )


def _not_readable(name: str, error: OSError) -> TerminalError:
    return TerminalError(
        "file.not_readable",
        f"{name} cannot be opened: {error.strerror}",
        "give this user the right to read it (files are left where they are)",
    )


def _copy_failed(name: str, error: OSError) -> TransientError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return TransientError(
            "landing.no_space", f"no room to archive {name}", "free space below the landing folder, then run again"
        )
    return TransientError(
        "landing.copy_failed", f"archiving {name} failed: {error.strerror}", "look at both disks, then run again"
    )
