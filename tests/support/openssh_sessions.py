"""OpenSSH's own server, set up to refuse, and its sessions, for tests that kill or stop them.

Belongs here: keys, configuration and processes. Does not belong here: a well-behaved one (`openssh`), and what must be
made of this one.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.openssh import SSHD, wait_for


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def make_keys(folder: Path) -> None:
    """Make the keys of a server, those of another one, and a client's."""
    keygen = shutil.which("ssh-keygen")
    assert Path(SSHD).exists() and keygen, "install openssh-server (apt-get install openssh-server)"
    folder.mkdir(parents=True)
    for name in ("host_key", "other_host_key", "client_key"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)


def pinned(folder: Path) -> str:
    """Return the server's public key as settings pin it."""
    return " ".join((folder / "host_key.pub").read_text().split()[:2])


@dataclass
class Sshd:
    """Where OpenSSH listens, and its process."""

    port: int
    process: subprocess.Popen[bytes]

    def signal_sessions(self, number: signal.Signals) -> None:
        """Send a signal to every process that serves a connection."""
        for pid in descendants(self.process.pid):
            with suppress(ProcessLookupError):  # ended with the one before
                os.kill(pid, number)


def descendants(pid: int) -> list[int]:
    """Return the processes below one, by what the kernel says."""
    found: list[int] = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:  # ended meanwhile
            continue
        if parent == pid:
            child = int(path.parent.name)
            found += [child, *descendants(child)]
    return found


@contextmanager
def sshd(home: Path, port: int, sftp: str = "", host_key: str = "host_key") -> Iterator[Sshd]:
    """Run OpenSSH with internal-sftp and key login only."""
    configuration = home / "sshd_config"
    configuration.write_text(
        f"""
        ListenAddress 127.0.0.1:{port}
        HostKey {home / "keys" / host_key}
        AuthorizedKeysFile {home / "keys" / "client_key.pub"}
        PidFile none
        StrictModes no
        UsePAM no
        PasswordAuthentication no
        KbdInteractiveAuthentication no
        PermitRootLogin prohibit-password
        Subsystem sftp internal-sftp {sftp}
        ForceCommand internal-sftp {sftp}
        """
    )

    command = [SSHD, "-D", "-e", "-f", str(configuration)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield Sshd(port, process)
    finally:
        Sshd(port, process).signal_sessions(signal.SIGKILL)
        process.terminate()
        process.wait(10)
