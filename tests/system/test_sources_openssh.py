"""Files fetched from OpenSSH's own server, also while its sessions are killed or stand still."""

from __future__ import annotations

import getpass
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from tests.support.arrival import ROWS, Home
from tests.support.openssh_sessions import free_port, make_keys, pinned, sshd
from tests.support.sources import NAME, FarHome, plain_feed

from nightwatt.arrival.partials import Part
from nightwatt.arrival.transport import PlaceRefused, SourceRefused
from nightwatt.contracts.feed import Feed

pytestmark = pytest.mark.system

BIG = b"SP_ID,READ\n" + b"".join(b"SP%07d,%d\n" % (n, n * 7 % 1000) for n in range(600_000))


@pytest.fixture
def far(tmp_path: Path) -> Iterator[FarHome]:
    home = Home(tmp_path / "home")
    made = FarHome(home, tmp_path / "server", user=getpass.getuser(), safe_bytes=100_000)
    make_keys(home.root / "keys")
    made.pinned = pinned(home.root / "keys")
    made.folder.mkdir(parents=True)
    yield made
    home.ledger.close()


def feed(far: FarHome, done: bool = False) -> Feed:
    source = {"kind": "sftp", "connection": "mdm", "folder": str(far.folder)}
    return plain_feed(arrival={"source": source | ({"done_folder": str(far.folder / "done")} if done else {})})


@contextmanager
def at(length: int, do: Callable[[], Any]) -> Iterator[list[bool]]:
    """Do something once, as soon as so much of a file has come; the list yielded says whether it was done."""
    count, done = Part.count, list[bool]()

    def counted(part: Part, descriptor: int, now: int) -> None:
        count(part, descriptor, now)
        if now >= length and not done:
            done.append(True)
            do()

    with mock.patch.object(Part, "count", counted):
        yield done


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_session_that_dies_or_stands_still_in_the_middle_costs_nothing_but_time(
    far: FarHome, number: signal.Signals
) -> None:
    far.send(content=BIG)
    far.timeout_s = 1.0

    with sshd(far.home.root, free_port()) as server, at(500_000, partial(server.signal_sessions, number)) as done:
        arrived = far.arrive(server, feed(far))

    assert done == [True]
    assert [r.file_name for r in arrived.new] == [NAME]
    assert list(far.home.landed().values()) == [BIG]
    assert far.parts() == []


def test_received_files_are_moved_and_never_over_another(far: FarHome) -> None:
    (far.folder / "done").mkdir()
    with sshd(far.home.root, free_port()) as server:
        for number, content in enumerate([ROWS, ROWS + b"SP9,9\n"]):
            far.send(content=content, at=1_772_000_000 + number)
            far.arrive(server, feed(far, done=True))
        assert far.expected(server, feed(far, done=True)).is_ready

    found = {
        p.name: p.read_bytes() for p in (far.folder / "done").iterdir() if p.suffix != ".done" and p.stat().st_size
    }
    assert found == {NAME: ROWS, f"{NAME}.2": ROWS + b"SP9,9\n"}
    assert [p.name for p in far.folder.iterdir()] == ["done"]


REFUSALS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "another host key": ({"host_key": "other_host_key"}, SourceRefused, "source.host_key"),
    "no listing": ({"sftp": "-P opendir"}, PlaceRefused, "source.permission"),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_what_it_refuses_is_said_by_its_code(far: FarHome, what: str) -> None:
    options, error, code = REFUSALS[what]
    far.send()

    with sshd(far.home.root, free_port(), **options) as server, pytest.raises(error, match=code):
        far.arrive(server, feed(far))


def test_a_folder_that_is_not_there_and_a_rename_that_is_not_allowed(far: FarHome) -> None:
    (far.folder / "done").mkdir()
    far.send()
    with sshd(far.home.root, free_port(), sftp="-P rename,posix-rename") as server:
        arrived = far.arrive(server, feed(far, done=True))
        assert [e.code for _, e in arrived.not_moved] == ["source.done_folder"]
        assert len(far.home.receipts()) == 1

        far.folder.rename(far.folder.with_name("elsewhere"))
        with pytest.raises(PlaceRefused, match=r"source\.folder_missing"):
            far.arrive(server, feed(far))


def test_ten_thousand_names_are_listed_quickly(far: FarHome) -> None:
    for number in range(10_000):
        (far.folder / f"reads_20250101_{number:05}.csv").touch()
    with sshd(far.home.root, free_port()) as server, far.open(server.port, feed(far)) as folder:
        began = time.perf_counter()
        listed = folder.listing()
        seconds = time.perf_counter() - began

    assert len(listed) == 10_000
    assert seconds < 5  # a question for each name would take 10,000 ways there and back
