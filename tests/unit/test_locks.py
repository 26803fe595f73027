"""Locks between processes: who holds one, waiting, and what a killed holder leaves."""

from __future__ import annotations

import errno
import functools
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nightwatt import locks
from nightwatt.errors import TransientError

hold = functools.partial(locks.hold, code="thing.locked")

HOLDING = """
import os, sys, time
from pathlib import Path
sys.path[:0] = sys.argv[1].split(os.pathsep)
from nightwatt import locks
with locks.hold(Path(sys.argv[2]), "build usage", code="thing.locked", timeout_s=0):
    print("held", flush=True)
    time.sleep(60)
"""


def test_says_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "made" / "w.lock"
    assert locks.holder_of(path) is None
    with hold(path, "publish billing", timeout_s=0) as held:
        assert (held.path, held.holder.purpose) == (path, "publish billing")
        assert locks.holder_of(path) == held.holder
        expected = rf"^\[thing.locked\] w.lock is held by 'publish billing' \(process {os.getpid()} .* since 2"
        with pytest.raises(TransientError, match=expected) as refused, hold(path, "build usage", timeout_s=0):
            pass
        assert refused.value.code == "thing.locked"
        assert "try again" in refused.value.remedy
        with pytest.raises(TransientError, match="the thing is held"), hold(path, "", timeout_s=0, what="the thing"):
            pass
    assert locks.holder_of(path) is None


def test_waits_for_the_holder_to_end(tmp_path: Path) -> None:
    path = tmp_path / "w.lock"
    with hold(path, "first", timeout_s=0), pytest.raises(KeyboardInterrupt):
        waits = []

        def sleep(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 3:
                raise KeyboardInterrupt

        with hold(path, "second", timeout_s=600, sleep=sleep):
            pass
    assert len(waits) == 3
    with hold(path, "third", timeout_s=0):
        pass


def test_keeps_threads_of_one_process_apart(tmp_path: Path) -> None:
    path, inside, most = tmp_path / "w.lock", [], []

    def work() -> None:
        with hold(path, "work", timeout_s=60):
            inside.append(None)
            most.append(len(inside))
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]


def test_is_given_back_by_a_block_that_fails(tmp_path: Path) -> None:
    path = tmp_path / "w.lock"
    with pytest.raises(ZeroDivisionError), hold(path, "fail", timeout_s=0):
        _ = 1 / 0
    assert path.read_text("utf-8") == ""
    with hold(path, "next", timeout_s=0):
        pass


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "w.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, os.pathsep.join(sys.path), str(path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        found = locks.holder_of(path)
        assert found is not None and (found.pid, found.purpose) == (holder.pid, "build usage")
        with pytest.raises(TransientError, match=f"process {holder.pid} "), hold(path, "mine", timeout_s=0.2):
            pass
        holder.send_signal(signal.SIGKILL)
    assert "build usage" in path.read_text("utf-8")  # its name is still there, but not the lock
    assert locks.holder_of(path) is None
    with hold(path, "mine", timeout_s=0) as held:
        assert locks.holder_of(path) == held.holder


@pytest.mark.parametrize("content", ["", "merge, process 7 on host\n", "[1]", '{"pid": 1}'])
def test_a_holder_that_cannot_be_read_still_holds(tmp_path: Path, content: str) -> None:
    path = tmp_path / "w.lock"
    with hold(path, "first", timeout_s=0):
        path.write_text(content, "utf-8")
        with pytest.raises(TransientError, match="has not said who it is"), hold(path, "second", timeout_s=0):
            pass


def test_a_full_disk_keeps_the_name_out_but_not_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "w.lock"
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with hold(path, "first", timeout_s=0), pytest.raises(TransientError), hold(path, "second", timeout_s=0):
            pass
    with hold(path, "third", timeout_s=0):
        pass
