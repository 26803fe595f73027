"""A real SFTP server on this machine, for the first night and for tests: the partner, played by asyncssh.

Belongs here: the server, its folders and its generated keys. Does not belong here: misbehaviour (tests bring
their own) and anything a partner does with the files.

`python -m nightwatt.delivery.loopback ROOT --port 2222` serves ROOT until stopped and prints the settings
that make the courier use it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

import asyncssh

HOST = "127.0.0.1"
USER = "nightwatt"
FOLDERS = ("shared_files", "uploads")

Factory = Callable[[asyncssh.SSHServerChannel[bytes], bytes], asyncssh.SFTPServer]


class LoopbackServer:
    """An SFTP server on 127.0.0.1 that shows one folder and lets one key in.

    Args:
        root: the folder the client sees as `/`; gets the folders named.
        keys: where host key and client key are kept; generated once. Beside the root by default.
        port: 0 takes a free one.
        factory: makes the handler of a session, for servers that misbehave.
        folders: what lies in the root at least.
    """

    def __init__(
        self,
        root: Path,
        *,
        keys: Path | None = None,
        port: int = 0,
        factory: Factory | None = None,
        folders: Sequence[str] = FOLDERS,
    ) -> None:
        self.root = root.resolve()
        self._folders = folders
        self.keys = (keys or self.root.with_name(f"{self.root.name}_keys")).resolve()
        self.port = port
        self._factory: Factory = factory or (lambda channel, chroot: asyncssh.SFTPServer(channel, chroot=chroot))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="loopback-sftp", daemon=True)
        self._started = threading.Event()
        self._stop: asyncio.Event | None = None
        self._failure: Exception | None = None
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self.host_key = ""
        self.client_key_file = self.keys / "client_key"

    def start(self) -> LoopbackServer:
        """Begin to serve; returns when clients can connect."""
        for name in self._folders:
            (self.root / name).mkdir(parents=True, exist_ok=True)
        self.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.host_key = _key(self.keys / "host_key").export_public_key().decode().strip()
        _key(self.client_key_file)
        self._thread.start()
        self._started.wait(30)
        if self._failure is not None:
            raise self._failure
        return self

    def stop(self) -> None:
        """Stop serving and wait until all is closed."""
        if self._thread.is_alive() and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(30)

    def environment(self, connection: str) -> dict[str, str]:
        """Return the settings of a courier's connection to this server."""
        prefix = f"NIGHTWATT_SFTP_{connection.upper()}_"
        return {
            f"{prefix}HOST": HOST,
            f"{prefix}PORT": str(self.port),
            f"{prefix}USER": USER,
            f"{prefix}KEY_FILE": str(self.client_key_file),
            f"{prefix}HOST_KEY": self.host_key,
        }

    def __enter__(self) -> LoopbackServer:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._until_stopped())
        except Exception as e:  # handed to the thread that started us
            self._failure = e
        finally:
            self._started.set()
            self._loop.run_until_complete(_cancel_the_rest())
            self._loop.close()

    async def _until_stopped(self) -> None:
        self._stop = asyncio.Event()
        chroot = os.fsencode(self.root)
        server = await asyncssh.listen(
            HOST,
            self.port,
            server_factory=lambda: _KeyOnly(self._connections),
            server_host_keys=[str(self.keys / "host_key")],
            authorized_client_keys=str(self.client_key_file.with_suffix(".pub")),
            sftp_factory=lambda channel: self._factory(channel, chroot),
            allow_scp=False,
            process_factory=None,
        )
        self.port = server.get_port()
        self._started.set()
        try:
            await self._stop.wait()
        finally:
            server.close()
            for connection in list(self._connections):
                connection.abort()
                await connection.wait_closed()
            await server.wait_closed()


class _KeyOnly(asyncssh.SSHServer):
    """Lets one user in, by key; no shell, no forwarding. Knows which connections are open."""

    def __init__(self, connections: set[asyncssh.SSHServerConnection]) -> None:
        self._connections = connections

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Remember a connection."""
        self._connection = conn
        self._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  (named by asyncssh)
        """Forget it."""
        self._connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002  (named by asyncssh)
        """Ask everybody for a key."""
        return True

    def password_auth_supported(self) -> bool:
        """Take no passwords."""
        return False


async def _cancel_the_rest() -> None:
    """Let sessions close their files, then end what still runs, so that the loop closes clean."""
    rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    if rest:
        await asyncio.wait(rest, timeout=1)
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


def _key(path: Path) -> asyncssh.SSHKey:
    """Return the key kept at a path, generating it the first time."""
    if not path.exists():
        key = asyncssh.generate_private_key("ssh-ed25519", comment="nightwatt loopback")
        path.touch(mode=0o600)
        key.write_private_key(path)
        key.write_public_key(path.with_suffix(".pub"))
    return asyncssh.read_private_key(path)


def main(arguments: list[str] | None = None) -> None:
    """Serve a folder until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m nightwatt.delivery.loopback", description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path, help="folder to serve")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; a free one by default")
    parser.add_argument("--keys", type=Path, help="folder for the generated keys; beside the root by default")
    parser.add_argument("--connection", default="opower", help="connection name in the settings printed")
    chosen = parser.parse_args(arguments)
    with LoopbackServer(chosen.root, keys=chosen.keys, port=chosen.port) as server:
        for name, value in server.environment(chosen.connection).items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
        sys.stdout.write("# serving; stop with Ctrl-C\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
