"""One SFTP connection to a source: names, sizes, blocks and renames, and what each failure means.

Belongs here: asyncssh, the pinned host key, time limits, and the split of failures into a source that is away, one that
refuses us, and a folder or file that is refused. Does not belong here: which files are fetched (`sftp.py`), and how
often is tried (`retries.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import asyncssh
from asyncssh.sftp import SFTPAttrs, SFTPClient, SFTPClientFile, SFTPName

from nightwatt.arrival.transport import PlaceRefused, SourceAway, SourceRefused
from nightwatt.connections.sftp import SftpSettings
from nightwatt.errors import NightWattError

_BLOCK = 256 * 1024  # what OpenSSH gives at most at a time; of a server that gives less, the rest is asked for
_ON_THEIR_WAY = 16  # blocks asked for and not yet here: 4 MiB hide the way there and back

_HOST_KEY = (asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed)
_BROKEN = (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection, asyncssh.DisconnectError, asyncssh.ChannelOpenError)
_ABSENT = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)

Answer = TypeVar("Answer")


class Absent(Exception):
    """There is nothing of that name (any more)."""


class Session:
    """An open connection. Every answer must come within the settings' time limit."""

    def __init__(self, connection: asyncssh.SSHClientConnection, sftp: SFTPClient, settings: SftpSettings) -> None:
        self._connection = connection
        self._sftp = sftp
        self._settings = settings

    async def names(self, folder: bytes) -> Sequence[SFTPName]:
        """Return what is in a folder, with the attributes the listing itself carries: no question for each name."""
        found: list[SFTPName] = []
        with _telling(self._settings, f"listing {_text(folder)}"):
            listing = self._sftp.scandir(folder)
            while (name := await self._answer(anext(listing, None))) is not None:
                if name.filename not in {b".", b".."}:
                    found.append(name)
        return found

    async def look(self, path: bytes) -> SFTPAttrs:
        """Return the attributes of a name itself, links not followed."""
        with _telling(self._settings, f"looking at {_text(path)}"):
            return await self._answer(self._sftp.lstat(path))

    async def is_there(self, path: bytes) -> bool:
        """Tell whether there is anything of that name."""
        try:
            await self.look(path)
        except Absent:
            return False
        return True

    async def open(self, path: bytes) -> RemoteFile:
        """Open a file for reading."""
        what = f"reading {_text(path)}"
        with _telling(self._settings, what):
            file = await self._answer(self._sftp.open(path, "rb", encoding=None, block_size=_BLOCK))
        return RemoteFile(file, self._settings, what)

    async def rename(self, old: bytes, new: bytes) -> None:
        """Rename by SFTP's own rename, which OpenSSH does not do over another file."""
        with _telling(self._settings, f"moving {_text(old)} to {_text(new)}"):
            await self._answer(self._sftp.rename(old, new))

    async def close(self) -> None:
        """Hang up; a server that does not take part in that is left."""
        self._connection.abort()
        await self._connection.wait_closed()

    async def _answer(self, question: Awaitable[Answer]) -> Answer:
        return await _within(self._settings.timeout_seconds, _asked(question))


class RemoteFile:
    """A file that is open for reading on the server."""

    def __init__(self, file: SFTPClientFile, settings: SftpSettings, what: str) -> None:
        self._file = file
        self._settings = settings
        self._what = what

    async def attributes(self) -> SFTPAttrs:
        """Return size and time of what is open, whatever has its name by now."""
        with _telling(self._settings, self._what):
            return await self._answer(self._file.stat())

    async def bytes_at(self, offset: int, length: int) -> bytes:
        """Return up to so many bytes; fewer only at the end of the file."""
        with _telling(self._settings, self._what):
            return await self._answer(self._file.read(length, offset))

    async def blocks(self, offset: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes up to an end, in order, asking well ahead; stops early where the file does."""
        ahead: deque[tuple[int, asyncio.Future[bytes]]] = deque()
        while offset < end or ahead:
            while offset < end and len(ahead) < _ON_THEIR_WAY:
                length = min(_BLOCK, end - offset)
                ahead.append((length, _asked(self._file.read(length, offset))))
                offset += length
            length, reading = ahead.popleft()
            with _telling(self._settings, self._what):
                # The time limit is that of the next block, not of all.
                block = await _within(self._settings.timeout_seconds, reading)
            yield block
            if len(block) < length:
                return

    async def close(self) -> None:
        """Give the handle back."""
        with _telling(self._settings, self._what):
            await self._answer(self._file.close())

    async def _answer(self, question: Awaitable[Answer]) -> Answer:
        return await _within(self._settings.timeout_seconds, _asked(question))


async def open_session(settings: SftpSettings, *, within_seconds: float) -> Session:
    """Connect, check the host key against the pinned one, log in with our key and nothing else.

    Raises:
        SourceAway: `source.unreachable`.
        SourceRefused: `source.host_key`, `source.login`, `source.key_file`.
    """
    asyncssh.set_log_level(logging.WARNING)  # it would tell of every connection, several times a minute
    with _telling(settings, "connecting"):
        async with asyncio.timeout(within_seconds):
            connection = await asyncssh.connect(
                settings.host,
                settings.port,
                username=settings.user,
                client_keys=[_own_key(settings)],
                known_hosts=([asyncssh.import_public_key(settings.host_key)], [], []),
                config=None,  # nobody's ~/.ssh has a say in this
                agent_path=None,
                preferred_auth="publickey",
                connect_timeout=settings.timeout_seconds,
                login_timeout=settings.timeout_seconds,
            )
            try:
                sftp = await connection.start_sftp_client(path_encoding=None)
            except BaseException:
                connection.abort()
                raise
    return Session(connection, sftp, settings)


def explain(error: Exception, settings: SftpSettings, doing: str) -> NightWattError:
    """Turn a failure into what it means for the source, the folder or the file."""
    what = f"{settings.where}: {doing}"
    if isinstance(error, _HOST_KEY):
        return SourceRefused(
            "source.host_key",
            f"{what}: the server's host key is not the one pinned",
            "nothing was read; ask the server's owner by another channel whether it changed, then set ..._HOST_KEY",
        )
    if isinstance(error, asyncssh.PermissionDenied):
        return SourceRefused(
            "source.login",
            f"{what}: our key was not accepted",
            "check ..._USER and ..._KEY_FILE with the server's owner",
        )
    if isinstance(error, asyncssh.SFTPPermissionDenied):
        return PlaceRefused(
            "source.permission", f"{what}: permission denied", "ask the server's owner to let our user do that"
        )
    if isinstance(error, asyncssh.SFTPError) and not isinstance(error, _BROKEN):
        reason = " ".join(error.reason.split())[:200] or "no reason given"
        return PlaceRefused("source.refused", f"{what}: the server refused: {reason}", "ask the server's owner")
    return SourceAway(
        "source.unreachable",
        f"{what}: {type(error).__name__}: {error}".rstrip(": "),
        "it is asked again by itself; if it stays away, ask the server's owner",
    )


@contextmanager
def _telling(settings: SftpSettings, doing: str) -> Iterator[None]:
    try:
        yield
    except _ABSENT as e:
        raise Absent(doing) from e
    except (OSError, asyncssh.Error) as e:
        raise explain(e, settings, doing) from e


def _asked(question: Awaitable[Answer]) -> asyncio.Future[Answer]:
    """Begin to ask. An answer that nobody waits for any more, because one before it failed, ends with the session."""
    asking = asyncio.ensure_future(question)
    asking.add_done_callback(lambda done: done.cancelled() or done.exception())
    return asking


async def _within(seconds: float, asking: asyncio.Future[Answer]) -> Answer:
    """Wait for an answer, not for ever; a late one is not cancelled, since asyncssh would leave its parts behind."""
    done, _ = await asyncio.wait({asking}, timeout=seconds)
    if not done:
        raise TimeoutError
    return asking.result()


def _own_key(settings: SftpSettings) -> asyncssh.SSHKey:
    path = settings.key_file.expanduser()
    try:
        return asyncssh.read_private_key(path)
    except (OSError, ValueError) as e:
        raise SourceRefused(
            "source.key_file",
            f"{path}: cannot be used as private key ({type(e).__name__})",
            "point ..._KEY_FILE to a readable private key without passphrase",
        ) from e


def _text(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
