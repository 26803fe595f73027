"""OpenSSH's own server made to fail in the ways it can: the table of `test_misbehaving_partners`, on the real thing."""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.errands import FOLDER, SIZE, Errand, Listening, empty_ledger, errand
from tests.support.openssh import wait_for

from nightwatt.delivery.courier import At, nowhere
from nightwatt.errors import NightWattError, TransientError
from nightwatt.ledger.models import DeliveryState

pytestmark = pytest.mark.system

SSHD = "/usr/sbin/sshd"


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


@pytest.fixture
def errands(tmp_path: Path) -> Iterator[Errand]:
    keygen = shutil.which("ssh-keygen")
    assert Path(SSHD).exists() and keygen, "install openssh-server (apt-get install openssh-server)"
    (tmp_path / "keys").mkdir()
    for name in ("host_key", "other_host_key", "client_key"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "keys" / name)], check=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    (tmp_path / "partner" / FOLDER).mkdir(parents=True)
    with errand(tmp_path, empty_ledger(tmp_path / "template.db")) as made:
        made.pinned = " ".join((tmp_path / "keys" / "host_key.pub").read_text().split()[:2])
        yield made


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass(frozen=True)
class Fault:
    """One way to fail: how the server runs, what is done to it during the upload, and what must be said."""

    code: str
    words: str
    sftp: str = ""
    host_key: str = "host_key"
    during: signal.Signals | None = None
    timeout_s: float = 10


FAULTS = {
    "its session dies during the upload": Fault("delivery.unreachable", "writing", during=signal.SIGKILL),
    "its session stands still": Fault("delivery.unreachable", "writing", during=signal.SIGSTOP, timeout_s=1),
    "refuses to rename": Fault("delivery.permission", "renaming to", sftp="-P rename,posix-rename"),
    "takes no writes": Fault("delivery.permission", "writing", sftp="-R"),
    "has another key": Fault("delivery.host_key", "not the one pinned", host_key="other_host_key"),
}
CASES = [(name, rename) for name in FAULTS for rename in (True, False) if rename or name != "refuses to rename"]


def _during(server: Sshd, number: signal.Signals | None) -> At:
    """Return what does something to the sessions at the third block."""
    if number is None:
        return nowhere
    seen: list[str] = []

    def at(step: str) -> None:
        seen.append(step)
        if seen.count("uploading") == 3:
            server.signal_sessions(number)

    return at


def _carrying(errands: Errand) -> Callable[[Listening, At], object]:
    return lambda server, at: errands.carry(server, at, getpass.getuser())


@dataclass(frozen=True)
class Nobody:
    """Where nothing listens."""

    port: int


@pytest.mark.parametrize(("name", "rename"), CASES, ids=[f"{n}, {'aside' if r else 'in place'}" for n, r in CASES])
def test_it_is_told_clearly_and_ends_well_without_help(errands: Errand, port: int, name: str, rename: bool) -> None:
    fault = FAULTS[name]
    errands.rename, errands.timeout_s = rename, fault.timeout_s
    sending = errands.intend(remote_path=str(errands.folder / errands.name()))
    ours = errands.paths[sending].read_bytes()
    carry = _carrying(errands)

    with (
        sshd(errands.home, port, fault.sftp, fault.host_key) as server,
        pytest.raises(NightWattError) as caught,
    ):
        carry(server, _during(server, fault.during))

    assert (caught.value.code, fault.words in caught.value.message) == (fault.code, True)
    if rename:
        assert errands.name() not in errands.there
    stored = sum(len(content) for content in errands.there.values())
    errands.timeout_s = 10
    with sshd(errands.home, port) as server:
        sent: list[str] = []
        carry(server, sent.append)
        carry(server, sent.append)

    assert errands.there == {errands.name(): ours}
    assert errands.row(sending).state == DeliveryState.DELIVERED
    assert sent.count("recorded") == 1
    assert sent.count("uploading") <= (SIZE - stored) // (64 * 1024) + 1  # what had arrived did not go again


def test_a_server_that_is_not_there_gets_everything_in_order_once_it_is(errands: Errand, port: int) -> None:
    ids = [errands.intend(n, 1000, remote_path=str(errands.folder / errands.name(n))) for n in range(3)]
    carry = _carrying(errands)
    for _ in range(2):
        with pytest.raises(TransientError) as caught:
            carry(Nobody(port), nowhere)
        assert caught.value.code == "delivery.unreachable"

    with sshd(errands.home, port) as server:
        carry(server, nowhere)

    assert list(errands.there) == [errands.name(n) for n in range(3)]
    arrived = [errands.row(number).delivered_at for number in ids]
    assert arrived == sorted(arrived, key=str)


def test_the_folder_in_other_capitals_is_named(errands: Errand, port: int) -> None:
    errands.intend(remote_path=str(errands.folder.with_name("Shared_Files") / errands.name()))
    with sshd(errands.home, port) as server, pytest.raises(NightWattError) as caught:
        _carrying(errands)(server, nowhere)

    assert caught.value.code == "delivery.folder_missing"
    assert f"there is {errands.folder}, in other capitals" in caught.value.message
