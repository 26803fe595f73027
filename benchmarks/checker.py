"""How fast the Opower checker reads a file, against DuckDB reading the same file as text in the same run.

Run ``python -m benchmarks.checker --help``. The file is made up: quarter-hour reads of one day, or monthly periods of
two years, without a fault, so that every rule runs and none stops early. The floor is a full read of all columns by
DuckDB (`sum(strlen(column))` over the gzip file), taken before and after, the better of the two. The checker runs in a
process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from nightwatt import duck
from nightwatt.delivery.opower.checker_files import Question, check_files

QUARTERS = 96
MONTHS = 24
KINDS = ("interval15", "usage")
NAMES = {
    "interval15": "opwr_gec_res_v2-0-5_interval15_20260311060000.gz",
    "usage": "opwr_gec_res_v1-19-0_usage_20260311060000.gz",
}
_INTERVAL = f"""
    select 'SP' || lpad(point::varchar, 9, '0') as service_point_id,
        (hash(point, n) % 4000 / 1000)::decimal(10, 3) + 0.001 as usage_value,
        strftime(ends_at, '%Y%m%d') as date, strftime(ends_at, '%H%M') as time,
        'KWH' as units, if(hash(point, n, 1) % 100 = 0, 'E', 'A') as is_estimate, '-0400' as UTC_offset,
        'ELECTRIC' as service_type, 'CONSUMED' as service_quantity_identifier
    from (
        select point, n, timestamp '2026-03-10 00:00' + (n + 1) * interval 15 minute as ends_at
        from range(?) as p(point), range({QUARTERS}) as t(n)
    )
    order by point, n
"""
_USAGE = f"""
    select 'SP' || lpad(point::varchar, 9, '0') as service_point_id, 1 + hash(point, n) % 900 as usage_value,
        strftime(date '2024-01-01' + to_months(n::integer + 1), '%Y%m%d') as date_to,
        date_diff('day', date '2024-01-01' + to_months(n::integer), date '2024-01-01' + to_months(n::integer + 1))
        as duration, if(hash(point, n, 1) % 100 = 0, 'E', 'A') as is_estimate, '12.50' as usage_charge
    from range(?) as p(point), range({MONTHS}) as t(n)
    order by point, n
"""


@dataclass(frozen=True)
class Measured:
    """One file.

    Attributes:
        rows: rows of the file.
        megabytes: its size, packed.
        seconds: wall seconds of the check.
        rows_per_second: rows by seconds.
        peak_rss_mb: peak resident memory of the checking process, in MB (10**6 bytes).
        floor_seconds: wall seconds of DuckDB's read of the same file.
        floor_rows_per_second: rows by floor_seconds.
        ratio: seconds by floor_seconds.
    """

    rows: int
    megabytes: float
    seconds: float
    rows_per_second: int
    peak_rss_mb: int
    floor_seconds: float
    floor_rows_per_second: int
    ratio: float


def write_file(folder: Path, kind: str, rows: int) -> Path:
    """Write a file of this many rows, rounded up to whole service points."""
    query, each = (_INTERVAL, QUARTERS) if kind == "interval15" else (_USAGE, MONTHS)
    path = folder / NAMES[kind]
    plain = path.with_suffix(".txt")
    with duckdb.connect() as con:
        con.execute("set enable_progress_bar = false")
        con.execute(
            f"copy ({query}) to {duck.text(plain)} (format csv, delimiter '\t', header, quote '')", [-(-rows // each)]
        )
    with plain.open("rb") as source, gzip.open(path, "wb", compresslevel=1) as target:
        shutil.copyfileobj(source, target, 1 << 20)
    plain.unlink()
    return path


def floor(path: Path) -> tuple[int, float]:
    """Return rows and wall seconds of a full read of all columns as text."""
    with duckdb.connect() as con:
        con.execute("set enable_progress_bar = false")
        source = f"read_csv({duck.text(path)}, delim = '\t', header = true, quote = '', all_varchar = true)"
        start = time.perf_counter()
        rows, *_ = con.execute(f"select count(*), sum(strlen(columns(*))) from {source}").fetchall()[0]
        return int(rows), time.perf_counter() - start


def check(path: Path) -> tuple[float, int]:
    """Check a file in a process of its own; return wall seconds and peak memory in MB."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_check, (path,))


def _check(path: Path) -> tuple[float, int]:
    start = time.perf_counter()
    with duck.private_engine() as con:
        (report,) = check_files([path], Question(zones=["America/New_York"]), con)
    seconds = time.perf_counter() - start
    assert not report.findings, report.codes
    return seconds, peak_mb()


def peak_mb() -> int:
    """Return the peak of this program's memory; the kernel's ru_maxrss would count the parent's too."""
    status = Path("/proc/self/status").read_text("utf-8")
    return round(int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6)


def measure(path: Path) -> Measured:
    """Check a file and set the time against DuckDB's read of it."""
    rows, before = floor(path)
    seconds, peak = check(path)
    best = min(before, floor(path)[1])
    return Measured(
        rows=rows,
        megabytes=round(path.stat().st_size / 1e6, 1),
        seconds=round(seconds, 2),
        rows_per_second=round(rows / seconds),
        peak_rss_mb=peak,
        floor_seconds=round(best, 2),
        floor_rows_per_second=round(rows / best),
        ratio=round(seconds / best, 2),
    )


def main() -> None:
    """Make files, check them, print one JSON object per kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of each file (10000000: full)")
    parser.add_argument("--kind", choices=KINDS, action="append", help="kinds to measure; default both")
    options = parser.parse_args()
    for kind in options.kind or KINDS:
        with tempfile.TemporaryDirectory(prefix="nightwatt-bench-") as folder:
            path = write_file(Path(folder), kind, options.rows)
            print(json.dumps({"kind": kind} | asdict(measure(path))), flush=True)


if __name__ == "__main__":
    main()
