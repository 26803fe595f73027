"""A PostgreSQL of one's own for tests marked `system`: Debian's programs, a loopback port, a folder that goes again.

Belongs here: starting and stopping it, and empty databases in it. Does not belong here: what is kept there.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

USER = "nightwatt"

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.system)]
"""Parameters of a fixture whose tests run on SQLite, and with `--system` on PostgreSQL too."""


@dataclass(frozen=True)
class Server:
    """A running cluster on loopback."""

    port: int
    programs: Path
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def address(self, database: str) -> str:
        """Return the SQLAlchemy address of a database."""
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/{database}"

    def new_database(self, name: str | None = None, template: str = "template1") -> str:
        """Create an empty database, or a copy of another that nobody is in, and return its address."""
        name = name or f"test_{next(self._numbers)}"
        engine = create_engine(self.address("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"create database {name} template {template}"))
        engine.dispose()
        return self.address(name)


@contextmanager
def running_server(password: str | None = None) -> Iterator[Server]:
    """Start a cluster for the length of a block. PostgreSQL refuses to run as root, so somebody else runs it.

    Args:
        password: of its one user; anybody who comes over loopback is let in otherwise.
    """
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    assert programs, "install postgresql (apt-get install postgresql)"
    folder = Path(tempfile.mkdtemp(prefix="nightwatt-postgres-"))
    data, log = folder / "data", folder / "log"
    prefix = _as_another_user(folder)
    server = Server(free_port(), programs[-1].parent)
    options = f"-c listen_addresses=127.0.0.1 -c port={server.port} -c unix_socket_directories={folder} -c fsync=off"

    def call(program: str, *arguments: str) -> None:
        # Output goes to a file: the server inherits it and would hold a pipe open.
        command = [*prefix, str(server.programs / program), *arguments]
        with (folder / "output").open("ab") as output:
            subprocess.run(command, check=True, stdout=output, stderr=output, cwd=folder)

    secret = folder / "password"
    secret.write_text(password or "", encoding="utf-8")
    let_in = ["-A", "scram-sha-256", f"--pwfile={secret}"] if password else ["-A", "trust"]
    call("initdb", "-D", str(data), "-U", USER, *let_in, "-E", "UTF8", "--no-locale", "-N")
    try:
        call("pg_ctl", "-D", str(data), "-l", str(log), "-o", options, "-w", "-t", "60", "start")
        yield server
    finally:
        call("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


def free_port() -> int:
    """Return a loopback port nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _as_another_user(folder: Path) -> list[str]:
    """Return what makes a program run as somebody other than root, and give that user the folder."""
    if os.geteuid() != 0:
        return []
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    setpriv = shutil.which("setpriv")
    assert setpriv, "install util-linux"
    return [setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
