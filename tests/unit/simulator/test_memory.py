"""A night streams: memory does not grow with the number of customers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_NIGHT = """
import sys
from datetime import date
from pathlib import Path
from nightwatt.simulator import Utility, write_night
write_night(Utility(int(sys.argv[1])), date(2026, 6, 2), Path(sys.argv[2]), parts=2)
# ru_maxrss would still count the process this one was forked from; the peak of its own memory is here.
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(int(status["VmHWM"].split()[0]) // 1024)
"""


def peak_megabytes(customers: int, folder: Path) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _NIGHT, str(customers), str(folder)],
        check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    return int(done.stdout)


def test_a_night_of_forty_thousand_customers_stays_small(tmp_path: Path) -> None:
    assert peak_megabytes(40_000, tmp_path) < 600
