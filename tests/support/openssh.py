"""OpenSSH's own server, for tests marked `system`.

Belongs here: what starting one takes, and a plain one. Does not belong here: what a partner's server allows, or does
wrong.
"""

from __future__ import annotations

import base64
import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import paramiko

SSHD = "/usr/sbin/sshd"


def wait_for(port: int) -> None:
    """Wait until the server answers.

    Raises:
        AssertionError: it does not within ten seconds.
    """
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("sshd did not start")


@dataclass(frozen=True)
class Sshd:
    """A server that lets one user in by either of two keys; folders are this machine's own."""

    port: int
    host_key: str
    keys: Path

    def settings(self, connection: str, key: str = "client_key") -> dict[str, str]:
        """Return the variables that name it to NightWatt."""
        values = {
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "USER": getpass.getuser(),
            "KEY_FILE": str(self.keys / key),
            "HOST_KEY": self.host_key,
        }
        return {f"NIGHTWATT_SFTP_{connection.upper()}_{name}": value for name, value in values.items()}

    @contextmanager
    def files(self, key: str) -> Iterator[paramiko.SFTPClient]:
        """Log in as anybody with a key would, holding the server to its host key."""
        with paramiko.SSHClient() as client:
            kind, text = self.host_key.split()
            pinned = paramiko.PKey.from_type_string(kind, base64.b64decode(text))
            client.get_host_keys().add(f"[127.0.0.1]:{self.port}", kind, pinned)
            client.connect(
                "127.0.0.1",
                self.port,
                getpass.getuser(),
                key_filename=str(self.keys / key),
                look_for_keys=False,
                allow_agent=False,
            )
            with client.open_sftp() as files:
                yield files


@contextmanager
def running_sshd(folder: Path, keys: Sequence[str] = ("client_key",)) -> Iterator[Sshd]:
    """Run OpenSSH with internal-sftp and key login only, for the length of a block."""
    keygen = shutil.which("ssh-keygen")
    assert Path(SSHD).exists() and keygen, "install openssh-server (apt-get install openssh-server)"
    for name in ("host_key", *keys):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    (folder / "authorized_keys").write_text("".join((folder / f"{name}.pub").read_text() for name in keys))
    (folder / "sshd_config").write_text(
        f"""
        ListenAddress 127.0.0.1:{port}
        HostKey {folder / "host_key"}
        AuthorizedKeysFile {folder / "authorized_keys"}
        PidFile none
        StrictModes no
        UsePAM no
        PasswordAuthentication no
        KbdInteractiveAuthentication no
        PermitRootLogin prohibit-password
        Subsystem sftp internal-sftp
        ForceCommand internal-sftp
        """
    )
    command = [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
    with (folder / "sshd.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for(port)
        yield Sshd(port, " ".join((folder / "host_key.pub").read_text().split()[:2]), folder)
    finally:
        server.terminate()
        server.wait(10)
