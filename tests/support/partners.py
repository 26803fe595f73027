"""SFTP servers that misbehave, each in one way.

Belongs here: what a bad partner does on the wire. Does not belong here: what the courier must make of it.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any, ClassVar

import asyncssh


class Counting(asyncssh.SFTPServer):
    """A well-behaved server that counts what it is sent, and notes which names it is written under."""

    written: ClassVar[int] = 0
    opened: ClassVar[set[str]] = set()

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        """Note names opened for writing."""
        if pflags & asyncssh.FXF_WRITE:
            type(self).opened.add(os.fsdecode(os.path.basename(path)))  # noqa: PTH119
        return super().open(path, pflags, attrs)

    def write(self, file_obj: object, offset: int, data: bytes) -> Any:
        """Count, then write."""
        type(self).written += len(data)
        return super().write(file_obj, offset, data)


class Dropping(Counting):
    """Drops the connection once, after so many bytes."""

    after: ClassVar[int] = 100_000
    dropped: ClassVar[bool] = False

    def write(self, file_obj: object, offset: int, data: bytes) -> Any:
        """Write until the limit is reached."""
        result = super().write(file_obj, offset, data)
        if not type(self).dropped and type(self).written >= self.after:
            type(self).dropped = True
            self.channel.get_connection().abort()
        return result


class FullDisk(Counting):
    """Has no room."""

    full: ClassVar[bool] = True

    def write(self, file_obj: object, offset: int, data: bytes) -> Any:
        """Refuse once some bytes are there."""
        if type(self).full and type(self).written > 50_000:
            raise asyncssh.SFTPFailure("No space left on device")
        return super().write(file_obj, offset, data)


class Lying(Counting):
    """Says every file is one byte shorter than it is."""

    def stat(self, path: bytes) -> Any:
        """Lie about files."""
        found = os.stat(self.map_path(path))  # noqa: PTH116  (bytes path)
        attributes = asyncssh.SFTPAttrs.from_local(found)
        if path.endswith((b".gz", b".part")) and attributes.size:
            attributes.size -= 1
        return attributes


class ReadOnly(Counting):
    """Lets nobody write into its folder."""

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        """Refuse what is opened for writing."""
        if pflags & asyncssh.FXF_WRITE:
            raise asyncssh.SFTPPermissionDenied("read only")
        return super().open(path, pflags, attrs)


class Taking(Counting):
    """Takes a file away from under its final name the moment it is whole, and hangs up before it answers."""

    size: ClassVar[int] = 0
    taken: ClassVar[list[str]] = []

    def write(self, file_obj: Any, offset: int, data: bytes) -> Any:
        """Write, and take the file with its last byte."""
        result = super().write(file_obj, offset, data)
        if offset + len(data) == type(self).size:
            file_obj.flush()
            place = os.fsdecode(file_obj.name)
            type(self).taken.append(place)
            os.remove(place)  # noqa: PTH107
            self.channel.get_connection().abort()
        return result


class Secretive(Counting):
    """Lists no folder."""

    def scandir(self, path: bytes) -> Any:
        """Refuse."""
        raise asyncssh.SFTPPermissionDenied("no listing")


class Stalling(Counting):
    """Says nothing for a long while."""

    async def write(self, file_obj: object, offset: int, data: bytes) -> Any:
        """Wait before every write."""
        try:
            await asyncio.sleep(20)
        except asyncio.CancelledError:
            file_obj.close()
            raise
        return super().write(file_obj, offset, data)


class RefusingRename(Counting):
    """Takes files, but does not rename them."""

    refusing: ClassVar[bool] = True

    def rename(self, oldpath: bytes, newpath: bytes) -> Any:
        """Refuse SFTP's own rename."""
        if type(self).refusing:
            raise asyncssh.SFTPPermissionDenied("no renames")
        return super().rename(oldpath, newpath)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
        """Refuse the OpenSSH extension."""
        if type(self).refusing:
            raise asyncssh.SFTPPermissionDenied("no renames")
        return super().posix_rename(oldpath, newpath)


class OnlyPosixRename(Counting):
    """Knows only the OpenSSH extension."""

    def rename(self, oldpath: bytes, newpath: bytes) -> Any:
        """Know nothing of it."""
        raise asyncssh.SFTPOpUnsupported("rename")


class Consuming(Counting):
    """Takes a file away the moment it has its final name."""

    taken: ClassVar[list[str]] = []

    def rename(self, oldpath: bytes, newpath: bytes) -> Any:
        """Rename, then consume."""
        super().rename(oldpath, newpath)
        place = os.fsdecode(self.map_path(newpath))
        type(self).taken.append(place)
        os.remove(place)  # noqa: PTH107


class Unreadable(Counting):
    """Lets nobody read back what they wrote."""

    def read(self, file_obj: object, offset: int, size: int) -> Any:
        """Refuse."""
        raise asyncssh.SFTPPermissionDenied("write only")


def fresh(kind: type[Counting], **facts: Any) -> type[Counting]:
    """Return a server class with counters of its own, and with these facts instead of its own."""
    state: dict[str, Any] = {"written": 0, "opened": set()}
    for name, start in (("dropped", False), ("taken", [])):
        if hasattr(kind, name):
            state[name] = start
    return type(kind.__name__, (kind,), state | facts)
