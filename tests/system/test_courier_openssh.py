"""The courier against OpenSSH's own server, started here on a loopback port with its own keys and configuration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.deliver_once import run
from tests.support.delivery import contract
from tests.support.openssh import running_sshd

from nightwatt.contracts.delivery import OpowerIntervalDelivery
from nightwatt.delivery.deliver import Outcome
from nightwatt.delivery.sftp import connection_settings, open_remote
from nightwatt.errors import TerminalError

pytestmark = pytest.mark.system

NAME = "opwr_gec_res_v2-0-5_interval60_20250116060000.gz"


@dataclass(frozen=True)
class Sshd:
    """A running server and the folder the partner watches."""

    folder: Path

    @property
    def delivery(self) -> OpowerIntervalDelivery:
        """Return a contract that delivers there."""
        return contract(destination={"connection": "opower", "review_folder": str(self.folder)})

    @property
    def names(self) -> list[str]:
        return sorted(p.name for p in self.folder.iterdir())


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    """Start OpenSSH as the partner's server."""
    folder = tmp_path / "shared_files"
    folder.mkdir()
    with running_sshd(tmp_path) as server:
        for name, value in server.settings("opower").items():
            monkeypatch.setenv(name, value)
        yield Sshd(folder)


def test_delivers_once(sshd: Sshd, tmp_path: Path) -> None:
    outcomes = [run(tmp_path / "home", sshd.delivery).outcome for _ in range(2)]

    assert outcomes == [Outcome.SENT, Outcome.ALREADY]
    assert sshd.names == [NAME]
    (sent,) = (tmp_path / "home" / "outbox").rglob("*.gz")
    assert (sshd.folder / NAME).read_bytes() == sent.read_bytes()


def test_resumes_what_is_there(sshd: Sshd, tmp_path: Path) -> None:
    run(tmp_path / "elsewhere", sshd.delivery)
    whole = (sshd.folder / NAME).read_bytes()
    (sshd.folder / NAME).unlink()
    (sshd.folder / f".{NAME}.part").write_bytes(whole[:1000])

    assert run(tmp_path / "home", sshd.delivery).outcome is Outcome.SENT
    assert (sshd.names, (sshd.folder / NAME).read_bytes()) == ([NAME], whole)


def test_its_rename_never_replaces_a_file(sshd: Sshd) -> None:
    (sshd.folder / "old").write_bytes(b"new content")
    (sshd.folder / "new").write_bytes(b"theirs")

    with open_remote(connection_settings("opower")) as remote, pytest.raises(TerminalError) as caught:
        remote.rename(str(sshd.folder / "old"), str(sshd.folder / "new"))

    assert caught.value.code == "delivery.refused"
    assert (sshd.folder / "new").read_bytes() == b"theirs"


def test_a_changed_host_key_is_refused(sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = " ".join((tmp_path / "client_key.pub").read_text().split()[:2])
    monkeypatch.setenv("NIGHTWATT_SFTP_OPOWER_HOST_KEY", other)

    with pytest.raises(TerminalError) as caught:
        run(tmp_path / "home", sshd.delivery)

    assert caught.value.code == "delivery.host_key"
    assert sshd.names == []
