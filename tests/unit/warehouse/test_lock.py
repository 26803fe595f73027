"""The writer's lock: who holds it, waiting, and what a killed holder leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nightwatt.errors import TransientError
from nightwatt.warehouse import lock

HOLDING = """
import os, sys, time
from pathlib import Path
sys.path[:0] = sys.argv[1].split(os.pathsep)
from nightwatt.warehouse import lock
with lock.hold(Path(sys.argv[2]), "build usage"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_says_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "w.lock"
    assert lock.holder_of(path) is None
    with lock.hold(path, "publish billing") as held:
        assert held.holder.purpose == "publish billing"
        assert lock.holder_of(path) == held.holder
        expected = rf"'publish billing' \(process {os.getpid()} "
        with pytest.raises(TransientError, match=expected) as refused, lock.hold(path, "build usage", timeout_s=0):
            pass
        assert refused.value.code == "warehouse.locked"
    assert lock.holder_of(path) is None


def test_waits_for_the_holder_to_end(tmp_path: Path) -> None:
    path = tmp_path / "w.lock"
    with lock.hold(path, "first") as _, pytest.raises(KeyboardInterrupt):
        waits = []

        def sleep(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 3:
                raise KeyboardInterrupt

        with lock.hold(path, "second", sleep=sleep):
            pass
    assert len(waits) == 3
    with lock.hold(path, "third", timeout_s=0):
        pass


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "w.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, os.pathsep.join(sys.path), str(path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        found = lock.holder_of(path)
        assert found is not None and (found.pid, found.purpose) == (holder.pid, "build usage")
        with pytest.raises(TransientError), lock.hold(path, "mine", timeout_s=0):
            pass
        holder.send_signal(signal.SIGKILL)
    assert "build usage" in path.read_text("utf-8")  # its name is still there, but not the lock
    assert lock.holder_of(path) is None
    with lock.hold(path, "mine", timeout_s=0):
        pass
