"""OpenSSH's own server made to fail in the ways it can: the table of `test_misbehaving_partners`, on the real thing."""

from __future__ import annotations

import getpass
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.errands import FOLDER, SIZE, Errand, Listening, empty_ledger, errand
from tests.support.openssh_sessions import Sshd, free_port, make_keys, pinned, sshd

from nightwatt.delivery.courier import At, nowhere
from nightwatt.errors import NightWattError, TransientError
from nightwatt.ledger.models import DeliveryState

pytestmark = pytest.mark.system


@pytest.fixture
def errands(tmp_path: Path) -> Iterator[Errand]:
    make_keys(tmp_path / "keys")
    (tmp_path / "partner" / FOLDER).mkdir(parents=True)
    with errand(tmp_path, empty_ledger(tmp_path / "template.db")) as made:
        made.pinned = pinned(tmp_path / "keys")
        yield made


@pytest.fixture
def port() -> int:
    return free_port()


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
