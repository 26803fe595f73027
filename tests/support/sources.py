"""SFTP servers that feeds are fetched from, well-behaved and not, each in one way; and a home that fetches.

Belongs here: what a source does on the wire, and putting files there. Does not belong here: what arrival must make of
it.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol

import asyncssh
from tests.support.arrival import ROWS, Home, make_feed

from nightwatt.arrival import Arrived, Expectation, arrive, expected
from nightwatt.arrival.partials import SAFE_BYTES, Partials, partials_path
from nightwatt.arrival.retries import Patience
from nightwatt.arrival.sftp import SftpFolder
from nightwatt.connections.sftp import SftpSettings
from nightwatt.contracts.feed import Feed
from nightwatt.contracts.sources import SftpSource
from nightwatt.delivery.loopback import LoopbackServer

FOLDER = "/out/reads"
NAME = "reads_20260309_001.csv.gz"


class Listening(Protocol):
    """A server somewhere on this machine."""

    @property
    def port(self) -> int:
        """Where it listens."""


class Source(asyncssh.SFTPServer):
    """Does what it is asked, and counts what."""

    asked: ClassVar[Counter[str]] = Counter()
    sent: ClassVar[int] = 0

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        type(self).asked["open"] += 1
        return super().open(path, pflags, attrs)

    def read(self, file_obj: Any, offset: int, size: int) -> Any:
        type(self).asked["read"] += 1
        data = super().read(file_obj, offset, size)
        assert isinstance(data, bytes)
        type(self).sent += len(data)
        return data

    def stat(self, path: bytes) -> Any:
        type(self).asked["stat"] += 1
        return super().stat(path)

    def lstat(self, path: bytes) -> Any:
        type(self).asked["stat"] += 1
        return super().lstat(path)

    def path_of(self, file_obj: Any) -> Path:
        """Return where an open file lies on this machine."""
        return Path(os.fsdecode(file_obj.name))


class Dropping(Source):
    """Breaks off whenever it has sent so many bytes more, so many times."""

    after: ClassVar[int] = 100_000
    drops_left: ClassVar[int] = 1
    since: ClassVar[int] = 0

    def read(self, file_obj: Any, offset: int, size: int) -> Any:
        data = super().read(file_obj, offset, size)
        kind = type(self)
        kind.since += len(data)
        if kind.drops_left and kind.since > kind.after:
            kind.drops_left -= 1
            kind.since = 0
            self.channel.get_connection().abort()
        return data


class Stalling(Source):
    """Says nothing more when asked for bytes."""

    async def read(self, file_obj: Any, offset: int, size: int) -> Any:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            file_obj.close()
            raise


class Boasting(Source):
    """Says in its answers that files have more or fewer bytes than they have."""

    more: ClassVar[int] = 5

    def fstat(self, file_obj: Any) -> Any:
        attributes = asyncssh.SFTPAttrs.from_local(os.fstat(file_obj.fileno()))
        return self._boast(attributes)

    async def scandir(self, path: bytes) -> Any:
        async for name in super().scandir(path):
            if name.filename.endswith(b".gz"):
                self._boast(name.attrs)
            yield name

    def _boast(self, attributes: asyncssh.SFTPAttrs) -> asyncssh.SFTPAttrs:
        attributes.size = (attributes.size or 0) + type(self).more
        return attributes


class Changing(Source):
    """Writes a file again while it is being read: the same size, a later time."""

    changed: ClassVar[int] = 0

    def read(self, file_obj: Any, offset: int, size: int) -> Any:
        data = super().read(file_obj, offset, size)
        if not type(self).changed:
            type(self).changed += 1
            path = self.path_of(file_obj)
            content = path.read_bytes()
            later = path.stat().st_mtime + 2
            path.write_bytes(content[::-1])
            os.utime(path, (later, later))
        return data


class Replacing(Source):
    """Puts another file on a name in the moment in which the name is being moved away."""

    content: ClassVar[bytes] = b""
    replaced: ClassVar[list[str]] = []

    def rename(self, oldpath: bytes, newpath: bytes) -> Any:
        path = Path(os.fsdecode(self.map_path(oldpath)))
        if type(self).content and path.suffix == ".gz" and not type(self).replaced:
            type(self).replaced.append(path.name)
            path.write_bytes(type(self).content)
        return super().rename(oldpath, newpath)


class Forbidding(Source):
    """Lets nobody do one thing."""

    forbidden: ClassVar[str] = "open"

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        self._check("open")
        return super().open(path, pflags, attrs)

    def scandir(self, path: bytes) -> Any:
        self._check("scandir")
        return super().scandir(path)

    def rename(self, oldpath: bytes, newpath: bytes) -> Any:
        self._check("rename")
        return super().rename(oldpath, newpath)

    def _check(self, what: str) -> None:
        if type(self).forbidden == what:
            raise asyncssh.SFTPPermissionDenied("no")


def fresh(kind: type[Source], **facts: Any) -> type[Source]:
    """Return a server class with counters of its own, and with these facts instead of its own."""
    own: dict[str, Any] = {"asked": Counter(), "sent": 0, "since": 0, "changed": 0, "replaced": []}
    return type(kind.__name__, (kind,), own | facts)


def sftp_feed(wholeness: dict[str, Any] | None = None, done_folder: str | None = None, **changes: Any) -> Feed:
    """Return the small table feed, fetched from a server."""
    source = {"kind": "sftp", "connection": "mdm", "folder": FOLDER, "done_folder": done_folder}
    return make_feed(wholeness, arrival={"source": source} | changes.pop("arrival", {}), **changes)


@dataclass
class FarHome:
    """A home that fetches its feed from a server whose disk is `server`."""

    home: Home
    server: Path
    keys: str = "keys"
    pinned: str = ""
    user: str = "nightwatt"
    timeout_s: float = 10.0
    safe_bytes: int = SAFE_BYTES
    waits: tuple[float, ...] = ()
    slept: list[float] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.server / FOLDER.strip("/")

    def put(self, name: str, content: bytes = b"", *, at: float = 1_772_000_000) -> Path:
        """Put a file on the server, with this change time."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / name
        path.write_bytes(content)
        os.utime(path, (at, at))
        return path

    def send(
        self, name: str = "reads_20260309_001.csv.gz", content: bytes = ROWS, *, at: float = 1_772_000_000
    ) -> Path:
        """Put a file and its done marker."""
        path = self.put(name, content, at=at)
        self.put(f"{name}.done", at=at)
        return path

    @contextmanager
    def serving(self, kind: type[Source] = Source, keys: str = "keys", port: int = 0) -> Iterator[LoopbackServer]:
        """Serve the server's disk in the way of this kind."""
        server = LoopbackServer(
            self.server,
            keys=self.home.root / keys,
            port=port,
            factory=lambda channel, root: kind(channel, chroot=root),
            folders=(FOLDER.strip("/"),),
        )
        with server:
            self.pinned = self.pinned or server.host_key
            yield server

    def settings(self, port: int) -> SftpSettings:
        return SftpSettings(
            host="127.0.0.1",
            port=port,
            user=self.user,
            key_file=self.home.root / "keys" / "client_key",
            host_key=self.pinned,
            timeout_seconds=self.timeout_s,
        )

    def open(self, port: int, feed: Feed) -> SftpFolder:
        source = feed.arrival.source
        assert isinstance(source, SftpSource)
        partials = Partials(partials_path(self.home.settings.landing, feed.feed), self.safe_bytes)
        return SftpFolder(source, self.settings(port), partials, Patience(self.slept.append, self.waits))

    def arrive(self, server: Listening, feed: Feed | None = None) -> Arrived:
        feed = feed or plain_feed()
        with self.open(server.port, feed) as folder:
            return arrive(feed, self.home.settings, self.home.ledger, transport=folder)

    def expected(self, server: Listening, feed: Feed | None = None) -> Expectation:
        feed = feed or plain_feed()
        day = self.home.now.date()
        with self.open(server.port, feed) as folder:
            return expected(feed, day, self.home.ledger, self.home.settings, transport=folder)

    def come(self) -> int:
        """Return how much of a file counts as come."""
        marks = list(partials_path(self.home.settings.landing, "reads").glob("*.mark"))
        return int(marks[0].read_text()) if marks else 0

    def parts(self) -> list[str]:
        """Return what lies in the folder of parts."""
        folder = partials_path(self.home.settings.landing, "reads")
        return sorted(p.suffix for p in folder.glob("*"))


plain_feed = partial(sftp_feed, format={"compression": "plain"})
done_feed = partial(plain_feed, done_folder=f"{FOLDER}/done")
