"""One SFTP connection to a partner: who we are, who they must be, and what each failure means.

Belongs here: paramiko, and the split of its failures into transient and terminal. Does not belong here: the settings
of a connection (`nightwatt.connections`) and the sending protocol (`courier`).
"""

from __future__ import annotations

import errno
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from posixpath import basename, dirname, join
from types import TracebackType
from typing import Any

import paramiko

from nightwatt.connections.sftp import SftpSettings, public_key, sftp_settings
from nightwatt.errors import NightWattError, TerminalError, TransientError

BLOCK = 64 * 1024
_FULL = {errno.ENOSPC, errno.EDQUOT}


def connection_settings(name: str) -> SftpSettings:
    """Read the settings of a connection from the environment.

    Raises:
        TerminalError: `delivery.connection_settings`, naming the variables that are missing or wrong.
    """
    return sftp_settings(name, code="delivery.connection_settings")


class Remote:
    """An open connection, speaking in paths and sizes."""

    def __init__(self, client: paramiko.SSHClient, sftp: paramiko.SFTPClient, where: str) -> None:
        self._client = client
        self._sftp = sftp
        self.where = where

    def size(self, path: str) -> int | None:
        """Return the size of a remote file; None if it is not there."""
        with self._telling(f"looking at {path}"):
            try:
                found = self._sftp.stat(path)
            except FileNotFoundError:
                return None
        if found.st_mode is not None and stat.S_ISDIR(found.st_mode):
            raise TerminalError("delivery.remote_folder", f"{path} is a folder there", "ask the partner to remove it")
        return found.st_size

    def require_folder(self, folder: str) -> None:
        """Make sure the folder to deliver to exists.

        Raises:
            TerminalError: `delivery.folder_missing`, naming what is there instead.
        """
        with self._telling(f"looking for folder {folder}"):
            if self._has(folder):
                return
        raise TerminalError(
            "delivery.folder_missing",
            f"{self.where} has no folder {folder}; {self._folders_instead(folder)}",
            "correct the delivery contract's destination (SFTP servers tell capitals apart)",
        )

    def _folders_instead(self, folder: str) -> str:
        """Say what is there where a folder was looked for; the same name in other capitals first."""
        above = dirname(folder.rstrip("/")) or "/"
        try:
            there = sorted(self.folders(above))
        except NightWattError:
            return f"what is in {above} cannot be listed"
        alike = [join(above, name) for name in there if name.lower() == basename(folder.rstrip("/")).lower()]
        if alike:
            return f"there is {' and '.join(alike)}, in other capitals"
        return f"in {above} there are {', '.join(there[:20])}" if there else f"in {above} there are no folders"

    def folders(self, folder: str) -> list[str]:
        """Return the names of the folders in a folder."""
        return [a.filename for a in self._listed(folder) if stat.S_ISDIR(a.st_mode or 0)]

    def files(self, folder: str) -> dict[str, int]:
        """Return the names and sizes of the files in a folder."""
        return {a.filename: a.st_size or 0 for a in self._listed(folder) if not stat.S_ISDIR(a.st_mode or 0)}

    def _listed(self, folder: str) -> list[paramiko.SFTPAttributes]:
        with self._telling(f"listing {folder}"):
            try:
                return self._sftp.listdir_attr(folder)
            except UnicodeDecodeError:
                pass
        raise TerminalError(
            "delivery.refused", f"{self.where}: {folder} holds a name that is not UTF-8", "ask the partner to remove it"
        )

    def read(self, path: str, length: int) -> Iterator[bytes]:
        """Yield the first `length` bytes of a remote file, in blocks."""
        with self._telling(f"reading {path} back"), self._sftp.open(path, "rb") as remote:
            remote.prefetch(length, max_concurrent_requests=64)
            while length > 0:
                block = remote.read(min(BLOCK, length))
                if not block:
                    return
                length -= len(block)
                yield block

    def write(self, path: str, blocks: Iterator[bytes], offset: int, on_block: Callable[[], None]) -> None:
        """Write blocks from an offset on, creating or cutting the file there."""
        with self._telling(f"writing {path}"), self._sftp.open(path, "r+b" if offset else "wb") as remote:
            remote.seek(offset)
            # Pipelined writes do not wait for their answers. Every so often one does, and the last one: only
            # then are failures of those before it heard of.
            for number, (block, is_last) in enumerate(_marking_last(blocks), start=1):
                remote.set_pipelined(not is_last and number % 64 != 0)
                remote.write(block)
                on_block()

    def remove(self, path: str) -> None:
        """Remove a remote file of ours."""
        with self._telling(f"removing {path}"):
            self._sftp.remove(path)

    def rename(self, old: str, new: str) -> None:
        """Give a file its final name, never over another file.

        SFTP's own rename refuses an existing target; the OpenSSH extension replaces it, so it is only
        tried on servers that cannot do the first, and after looking again.
        """
        with self._telling(f"renaming to {new}"):
            try:
                self._sftp.rename(old, new)
            except FileNotFoundError:
                raise
            except OSError as refusal:
                if not _is_answer(refusal) or self._has(new):
                    raise
                self._sftp.posix_rename(old, new)

    def _has(self, path: str) -> bool:
        try:
            self._sftp.stat(path)
        except FileNotFoundError:
            return False
        return True

    @contextmanager
    def _telling(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError, paramiko.SSHException) as e:
            transport = self._client.get_transport()
            alive = transport is not None and transport.is_active() and str(e) != "Socket is closed"
            raise explain(e, f"{self.where}: {doing}", alive=alive) from e

    def __enter__(self) -> Remote:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sftp.close()
        self._client.close()


def open_remote(settings: SftpSettings) -> Remote:
    """Connect, check the host key against the pinned one, log in with our key and nothing else.

    Raises:
        TransientError: `delivery.unreachable`.
        TerminalError: `delivery.host_key`, `delivery.login`, `delivery.key_file`.
    """
    where = settings.where
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    name = settings.host if settings.port == 22 else f"[{settings.host}]:{settings.port}"
    pinned = public_key(settings.host_key)
    client.get_host_keys().add(name, pinned.get_name(), pinned)
    try:
        client.connect(
            settings.host,
            settings.port,
            username=settings.user,
            pkey=_own_key(settings.key_file),
            allow_agent=False,
            look_for_keys=False,
            timeout=settings.timeout_seconds,
            banner_timeout=settings.timeout_seconds,
            auth_timeout=settings.timeout_seconds,
            channel_timeout=settings.timeout_seconds,
        )
        sftp = client.open_sftp()
        channel = sftp.get_channel()
        if channel is not None:
            channel.settimeout(settings.timeout_seconds)
    except (OSError, EOFError, paramiko.SSHException) as e:
        client.close()
        raise explain(e, f"{where}: connecting", alive=False) from e
    except BaseException:
        client.close()
        raise
    return Remote(client, sftp, where)


def explain(error: Exception, what: str, *, alive: bool = True) -> NightWattError:
    """Turn a failure into what a caller should do about it; `alive`: the connection still stands."""
    if isinstance(error, paramiko.BadHostKeyException | paramiko.ssh_exception.IncompatiblePeer):
        return TerminalError(
            "delivery.host_key",
            f"{what}: the partner's host key is not the one pinned",
            "ask the partner by another channel whether the key changed, then set ..._HOST_KEY; nothing was sent",
        )
    if isinstance(error, paramiko.AuthenticationException) and "timeout" not in str(error).lower():
        return TerminalError(
            "delivery.login", f"{what}: our key was not accepted", "check ..._USER and ..._KEY_FILE with the partner"
        )
    if isinstance(error, OSError) and alive and _is_answer(error):
        return _refused(error, what)
    return TransientError(
        "delivery.unreachable",
        f"{what}: {type(error).__name__}: {error}".rstrip(": "),
        "try again; the next run takes up where this one stopped",
    )


def _refused(error: OSError, what: str) -> TerminalError:
    if isinstance(error, PermissionError):
        return TerminalError(
            "delivery.permission", f"{what}: permission denied", "ask the partner for write and rename permission"
        )
    if isinstance(error, FileNotFoundError):
        return TerminalError(
            "delivery.not_found", f"{what}: no such file or folder", "check the folder in the delivery contract"
        )
    reason = " ".join(str(error).split())[:200] or "no reason given"
    return TerminalError(
        "delivery.refused",
        f"{what}: the server refused: {reason}",
        "a full disk or a quota is likely; ask the partner, then run the delivery again",
    )


def _marking_last(blocks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    held = next(blocks, None)
    while held is not None:
        following = next(blocks, None)
        yield held, following is None
        held = following


def _is_answer(error: OSError) -> bool:
    """Tell an SFTP status from a broken connection: paramiko gives a status no errno, or one of files."""
    if isinstance(error, ConnectionError | TimeoutError):
        return False
    return error.errno is None or error.errno in _FULL or isinstance(error, PermissionError | FileNotFoundError)


def _own_key(path: Path) -> Any:
    try:
        return paramiko.PKey.from_path(path.expanduser())
    except (OSError, paramiko.SSHException, ValueError) as e:
        raise TerminalError(
            "delivery.key_file",
            f"{path}: cannot be used as private key ({type(e).__name__})",
            "point ..._KEY_FILE to a readable private key without passphrase",
        ) from e
