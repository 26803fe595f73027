"""What has come of files on their way here, kept until their receipts are committed: a broken download goes on.

Belongs here: the files that grow, and how much of each is surely on disk. Does not belong here: where the bytes come
from (`sftp.py`) and what a whole file is (`wholeness.py`).

The part of a file is named for its name, size and time: of a file that changed, nothing is taken over. How much of it
counts stands beside it and is written after the bytes are down on the disk, so a power cut cannot leave a hole.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nightwatt import durable
from nightwatt.arrival.transport import Entry
from nightwatt.errors import TransientError
from nightwatt.log import get

_log = get("arrival")

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}

SAFE_BYTES = 16 << 20
"""After so many bytes they are flushed and counted: what a killed download can lose."""


class Part:
    """The beginning of one file."""

    def __init__(self, path: Path, name: str, safe_bytes: int) -> None:
        self._path = path
        self._mark = path.with_suffix(".mark")
        self._name = name
        self._safe_bytes = safe_bytes
        self.length = min(self._counted(), path.stat().st_size) if path.exists() else 0

    def _counted(self) -> int:
        try:
            return int(self._mark.read_text("ascii"))
        except (FileNotFoundError, ValueError):
            return 0

    def bytes_at(self, offset: int, length: int) -> bytes:
        """Return bytes that are here."""
        with self._path.open("rb") as file:
            file.seek(offset)
            return file.read(min(length, self.length - offset))

    def begin_anew(self) -> None:
        """Forget what is here. The file itself may lie in the archive by now, so it is let go, never cut."""
        self._mark.unlink(missing_ok=True)
        self._path.unlink(missing_ok=True)
        self.length = 0

    @contextmanager
    def growing(self) -> Iterator[_Growth]:
        """Append to it for the length of a block; what has come counts, however the block ends.

        Raises:
            TransientError: `landing.no_space`, `landing.copy_failed`.
        """
        if self.length == 0:
            self.begin_anew()
        with self._writing():
            file = self._path.open("r+b" if self.length else "xb", buffering=0)
            file.truncate(self.length)
            file.seek(self.length)
        with file:
            growth = _Growth(self, file.fileno())
            try:
                yield growth
            finally:
                growth.settle()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as e:
            raise _not_written(self._name, e) from e

    def add(self, descriptor: int, block: bytes) -> None:
        """Write a block at the end of an open file of this part."""
        with self._writing():
            view = memoryview(block)
            while view:
                view = view[os.write(descriptor, view) :]

    def count(self, descriptor: int, length: int) -> None:
        """Flush, and note that so many bytes are down on the disk."""
        with self._writing():
            os.fsync(descriptor)
            durable.write_text(self._mark, str(length))
        self.length = length

    @property
    def safe_bytes(self) -> int:
        """How many bytes may come between two counts."""
        return self._safe_bytes

    def give(self, target: Path) -> None:
        """Give the whole file another name as well; the part stays until it is forgotten.

        Where a disk knows no second names, the other name gets a copy.
        """
        with self._writing():
            try:
                os.link(self._path, target)
            except OSError as e:
                if e.errno not in _NO_LINKS:
                    raise
                shutil.copyfile(self._path, target)
                durable.fsync_file(target)


class _Growth:
    """A part that is being appended to."""

    def __init__(self, part: Part, descriptor: int) -> None:
        self._part = part
        self._descriptor = descriptor
        self._written = part.length

    def add(self, block: bytes) -> None:
        """Append a block."""
        self._part.add(self._descriptor, block)
        self._written += len(block)
        if self._written - self._part.length >= self._part.safe_bytes:
            self.settle()

    def settle(self) -> None:
        """Flush what came and count it."""
        if self._written > self._part.length:
            self._part.count(self._descriptor, self._written)


class Partials:
    """The parts of one feed's files, and copies of the small ones that accompany them.

    Args:
        folder: where they lie; on the disk of the landing archive.
        safe_bytes: after how many bytes what came is counted.
    """

    def __init__(self, folder: Path, safe_bytes: int = SAFE_BYTES) -> None:
        self._folder = folder
        self._safe_bytes = safe_bytes

    def part(self, entry: Entry) -> Part:
        """Return what is here of a file."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return Part(self._path(entry, "part"), entry.name, self._safe_bytes)

    def forget(self, entry: Entry) -> None:
        """Remove what is here of a file."""
        for suffix in ("mark", "part"):
            self._path(entry, suffix).unlink(missing_ok=True)

    def forget_others(self, entries: Iterable[Entry]) -> None:
        """Remove what is here of files that are no longer what they were, or no longer there."""
        kept = {self._key(entry) for entry in entries}
        for path in self._folder.glob("*"):
            if path.name.partition(".")[0] not in kept:
                path.unlink(missing_ok=True)

    def small(self, entry: Entry) -> bytes | None:
        """Return a small file that was kept, if it still is the same."""
        kept = _read_small(self._path(entry, "small"))
        return kept[1] if kept and kept[0] == entry else None

    def smalls(self) -> list[Entry]:
        """Return every small file that is kept."""
        kept = map(_read_small, sorted(self._folder.glob("*.small")))
        return [each[0] for each in kept if each]

    def keep_small(self, entry: Entry, content: bytes) -> None:
        """Keep a small file, so that it is not fetched at every look. One written by halves is not taken for it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        head = {"name": entry.name, "size": entry.size, "mtime_ns": entry.mtime_ns, "sha256": _digest(content)}
        self._path(entry, "small").write_bytes(json.dumps(head).encode("ascii") + b"\n" + content)

    def _path(self, entry: Entry, suffix: str) -> Path:
        return self._folder / f"{self._key(entry)}.{suffix}"

    @staticmethod
    def _key(entry: Entry) -> str:
        text = f"{entry.name}\0{entry.size}\0{entry.mtime_ns}"
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def partials_path(landing: Path, feed_name: str) -> Path:
    """Return where the parts of a feed's files lie."""
    return landing / ".arrival" / f"{feed_name}.parts"


def _read_small(path: Path) -> tuple[Entry, bytes] | None:
    try:
        head, _, content = path.read_bytes().partition(b"\n")
        kept = json.loads(head)
        if kept.pop("sha256") == _digest(content):
            return Entry(**kept), content
    except FileNotFoundError:
        pass
    except (ValueError, TypeError, KeyError, AttributeError):
        _log.warning("kept file not used", file=path.name)
    return None


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _not_written(name: str, error: OSError) -> TransientError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return TransientError(
            "landing.no_space", f"no room to archive {name}", "free space below the landing folder, then run again"
        )
    return TransientError(
        "landing.copy_failed", f"archiving {name} failed: {error.strerror}", "look at the disk, then run again"
    )
