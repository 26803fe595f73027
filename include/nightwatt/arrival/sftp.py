"""A folder on an SFTP server as a transport: listed in one go, downloaded so that a broken download goes on.

Belongs here: which bytes are asked for again, what makes a download sure, and moving received files to the done folder.
Does not belong here: the connection (`sftp_session.py`), the parts on our disk (`partials.py`), names and wholeness.

One connection serves one visit. Downloads of a visit go one after the other: servers limit sessions, and while one
file comes the one before is read through.
"""

from __future__ import annotations

import asyncio
import stat
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from asyncssh.sftp import SFTPAttrs, SFTPName

from nightwatt.arrival.partials import Part, Partials
from nightwatt.arrival.retries import Patience
from nightwatt.arrival.sftp_session import Absent, RemoteFile, Session, open_session
from nightwatt.arrival.transport import ChangedMeanwhile, Entry, PlaceRefused, SourceAway
from nightwatt.connections.sftp import SftpSettings
from nightwatt.contracts.sources import SftpSource
from nightwatt.errors import TerminalError

CONNECT_SECONDS = 90.0
"""How long connecting may take in all, however slowly the server answers."""

_COMPARED = 64 * 1024
_WORTH_GOING_ON = 1 << 20
_MOST_NAMES = 9
_ENDING_SECONDS = 1.0
_SECOND_NS = 1_000_000_000

Answer = TypeVar("Answer")


class SftpFolder:
    """A folder on a server, for the length of a visit (a `with` block, which connects).

    Args:
        source: what the contract says.
        settings: address and keys.
        partials: where what has come is kept.
        patience: how often a server that does not answer is asked.
    """

    def __init__(
        self, source: SftpSource, settings: SftpSettings, partials: Partials, patience: Patience | None = None
    ) -> None:
        self._source = source
        self._settings = settings
        self._partials = partials
        self._patience = patience or Patience(time.sleep)
        self._folder = source.folder.rstrip("/") or "/"
        self._done = source.done_folder.rstrip("/") if source.done_folder else None
        self._one_at_a_time = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sftp-source", daemon=True)
        self._session: Session | None = None
        self._listed: Sequence[Entry] = ()
        self._has_tidied = False

    # ---- a visit ---------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._ask(self._connected)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # ---- the transport ---------------------------------------------------------------------------------------

    def listing(self) -> Sequence[Entry]:
        """Return every name, sorted; the done folder is none of the feed's.

        Raises:
            SourceAway: the server cannot be reached.
            PlaceRefused: `source.folder_missing`, `source.permission`.
        """
        with self._one_at_a_time:
            found = self._ask(self._list)
        entries = [_entry(name) for name in found]
        self._listed = sorted((e for e in entries if not self._is_done_folder(e)), key=lambda e: e.name)
        return self._listed

    def fetch(self, entry: Entry, target: Path) -> None:
        """Download a file to a new path, going on where an earlier download stopped.

        A server that breaks off again and again is asked for more as long as more comes.
        """
        with self._one_at_a_time:
            self._tidy()
            part = self._partials.part(entry)
            while True:
                before = part.length
                try:
                    self._ask(partial(self._download, entry, part))
                    break
                except SourceAway:
                    if part.length - before < _WORTH_GOING_ON:
                        raise
            part.give(target)

    def read_small(self, entry: Entry, limit: int) -> bytes:
        """Return a small file's bytes; of one that has not changed, those of an earlier look."""
        with self._one_at_a_time:
            kept = self._partials.small(entry)
            if kept is None:
                kept = self._ask(partial(self._read, entry, limit))
                self._partials.keep_small(entry, kept)
        return kept

    def received(self, entry: Entry, marker: Entry | None, receipt: int) -> None:
        """Move a received file to the done folder, its marker first: a file left without one is known all the same."""
        with self._one_at_a_time:
            self._partials.forget(entry)
            if self._done is not None:
                for each in filter(None, (marker, entry)):
                    self._ask(partial(self._move, each, receipt))

    # ---- connection ------------------------------------------------------------------------------------------

    def _ask(self, question: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        return self._patience.with_(lambda: self._run(self._hanging_up_when_broken(question)))

    def _run(self, coroutine: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _hanging_up_when_broken(self, question: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
        try:
            return await question()
        except BaseException as e:
            if not isinstance(e, TerminalError | ChangedMeanwhile):
                await self._hang_up()
            raise

    async def _connected(self) -> Session:
        if self._session is None:
            self._session = await open_session(self._settings, within_seconds=CONNECT_SECONDS)
        return self._session

    async def _hang_up(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def _end(self) -> None:
        """Hang up, and end what an interrupted visit may have left under way."""
        await self._hang_up()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        if rest:
            await asyncio.wait(rest, timeout=_ENDING_SECONDS)
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    # ---- questions -------------------------------------------------------------------------------------------

    async def _list(self) -> Sequence[SFTPName]:
        session = await self._connected()
        try:
            return await session.names(_bytes(self._folder))
        except Absent as e:
            raise PlaceRefused(
                "source.folder_missing",
                f"{self._settings.where} has no folder {self._folder}",
                "ask the server's owner, or correct `arrival.source.folder` (SFTP servers tell capitals apart)",
            ) from e

    async def _download(self, entry: Entry, part: Part) -> None:
        async with self._opened(entry) as file:
            if part.length and not await _begins_alike(file, part):
                part.begin_anew()
            if part.length < entry.size or not entry.size:
                with part.growing() as growth:
                    async for block in file.blocks(part.length, entry.size):
                        growth.add(block)
            if part.length < entry.size:
                raise ChangedMeanwhile(entry.name, f"had only {part.length:,} of the {entry.size:,} bytes listed")
            if await file.bytes_at(entry.size, 1):
                raise ChangedMeanwhile(entry.name, f"had more than the {entry.size:,} bytes listed")

    async def _read(self, entry: Entry, limit: int) -> bytes:
        async with self._opened(entry) as file:
            content = await file.bytes_at(0, limit + 1)
        if len(content) > limit:
            raise TerminalError(
                "manifest.too_big", f"{entry.name} has more than {limit:,} bytes", "ask the sender for a manifest"
            )
        return content

    @asynccontextmanager
    async def _opened(self, entry: Entry) -> AsyncIterator[RemoteFile]:
        """Open a file, and see before and after that it is the one that was listed."""
        session = await self._connected()
        try:
            file = await session.open(self._path(entry.name))
        except Absent as e:
            raise ChangedMeanwhile(entry.name, "went away") from e
        _check_same(entry, await file.attributes())
        yield file
        _check_same(entry, await file.attributes())
        await file.close()

    async def _move(self, entry: Entry, receipt: int) -> None:
        """Move a file aside, under its name or one that is free.

        It is looked at before and after: a newer file that took its name in that moment goes back.
        """
        session, path = await self._connected(), self._path(entry.name)
        for name in _free_names(entry.name, receipt):
            target = _bytes(f"{self._done}/{name}")
            if await session.is_there(target):
                continue
            try:
                if _stamp(await session.look(path)) != entry.stamp:
                    return
            except Absent:
                return
            await self._rename(session, path, target, entry.name)
            if _stamp(await session.look(target)) != entry.stamp:
                await session.rename(target, path)
            return
        raise PlaceRefused(
            "source.done_folder",
            f"{self._settings.where}: {self._done} holds every name that {entry.name} could be given",
            "clear the done folder",
        )

    async def _rename(self, session: Session, path: bytes, target: bytes, name: str) -> None:
        try:
            await session.rename(path, target)
        except (Absent, PlaceRefused) as e:
            raise PlaceRefused(
                "source.done_folder",
                f"{self._settings.where}: {name} is received and cannot be moved to {self._done}",
                "ask the server's owner for the folder and the right to rename into it, or take `done_folder` out",
            ) from e

    # ---- names -----------------------------------------------------------------------------------------------

    def _path(self, name: str) -> bytes:
        return _bytes(f"{'' if self._folder == '/' else self._folder}/{name}")

    def _is_done_folder(self, entry: Entry) -> bool:
        return entry.is_folder and self._path(entry.name) == _bytes(self._done or "")

    def _tidy(self) -> None:
        if not self._has_tidied:
            self._partials.forget_others(self._listed)
            self._has_tidied = True


async def _begins_alike(file: RemoteFile, part: Part) -> bool:
    """Compare the first and the last bytes that are here with the server's: size and time may lie."""
    for offset in {0, max(0, part.length - _COMPARED)}:
        length = min(_COMPARED, part.length - offset)
        if await file.bytes_at(offset, length) != part.bytes_at(offset, length):
            return False
    return True


def _check_same(entry: Entry, now: SFTPAttrs) -> None:
    if _stamp(now) != entry.stamp:
        raise ChangedMeanwhile(entry.name, "changed")


def _entry(found: SFTPName) -> Entry:
    name, attributes = _bytes_to_name(found.filename), found.attrs
    kind = stat.S_IFMT(attributes.permissions or 0)
    if kind not in {0, stat.S_IFREG}:
        return Entry(name, is_folder=kind == stat.S_IFDIR, fault=_not_regular(name, kind))
    if "/" in name or attributes.size is None or attributes.mtime is None:
        return Entry(name, fault=_not_regular(name, 0))
    size, mtime_ns = _stamp(attributes)
    return Entry(name, size, mtime_ns)


def _stamp(attributes: SFTPAttrs) -> tuple[int, int]:
    return attributes.size or 0, (attributes.mtime or 0) * _SECOND_NS + (attributes.mtime_ns or 0)


def _not_regular(name: str, kind: int) -> TerminalError:
    words = {stat.S_IFDIR: "is a folder", stat.S_IFLNK: "is a symbolic link", 0: "has no size or time"}
    return TerminalError(
        "file.not_regular",
        f"{name} {words.get(kind, 'is a device or a pipe')} on the server, and no regular file",
        "it was not opened; ask the sender for a file",
    )


def _free_names(name: str, receipt: int) -> Iterator[str]:
    yield name
    yield f"{name}.{receipt}"
    yield from (f"{name}.{receipt}.{number}" for number in range(2, _MOST_NAMES + 1))


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _bytes_to_name(name: str | bytes) -> str:
    return name.decode("utf-8", "surrogateescape") if isinstance(name, bytes) else name
