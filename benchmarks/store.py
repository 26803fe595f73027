"""How long the reads store takes to merge a day, against DuckDB counting the rows of the same day as gzip text.

Run ``python -m benchmarks.store --help``. The floor, `count(*)` over gzip CSV files with the same rows, is
taken in the same run, before and after, so that the ratio means something on a busy or slow machine. Two
shapes of lake files: `clustered`, where each file has its own meters and a meter's reads follow each other,
and `scattered`, where the meters of every file lie all over the id range and each quarter hour follows the
one before: the most expensive input there can be.
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import multiprocessing
import resource
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from nightwatt import duck, log
from nightwatt.reads import ReadsStore
from nightwatt.settings import Settings

FILES = 16
SHAPES = ("clustered", "scattered")


@dataclass(frozen=True)
class Measured:
    """One merge and its floor.

    Attributes:
        rows: rows merged.
        seconds: wall seconds of the merge.
        cpu_seconds: processor seconds of the merge.
        peak_rss_mb: peak resident memory of the merging process, in MB (10**6 bytes).
        floor_seconds: wall seconds of the count, the better of two; None where there is no text to count.
        floor_cpu_seconds: processor seconds of that count.
        ratio: seconds by floor_seconds.
        cpu_ratio: cpu_seconds by floor_cpu_seconds.
    """

    rows: int
    seconds: float
    cpu_seconds: float
    peak_rss_mb: float
    floor_seconds: float | None
    floor_cpu_seconds: float | None
    ratio: float | None
    cpu_ratio: float | None


def write_lake(folder: Path, meters: int, shape: str) -> list[Path]:
    """Write one day (96 quarter hours) of made-up reads as FILES lake Parquet files, loads 1 to FILES."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{n:02}.parquet" for n in range(FILES)]
    with duckdb.connect() as con:
        con.execute("SET enable_progress_bar = false")
        for n, path in enumerate(paths):
            low, high = n * meters // FILES, (n + 1) * meters // FILES
            is_clustered = shape == "clustered"
            where = f"m >= {low} AND m < {high}" if is_clustered else f"m % {FILES} = {n}"
            order = "hash(m), i" if is_clustered else "i, hash(m)"
            con.execute(
                f"""
                COPY (
                    SELECT lpad((m * 7919)::VARCHAR, 12, '0') AS service_point_id, 'delivered' AS channel,
                        TIMESTAMP '2026-03-10 04:00:00' + i * INTERVAL 15 MINUTE AS interval_start_at,
                        15::SMALLINT AS interval_min, (hash(m, i) % 4000 / 1000)::DECIMAL(18, 8) AS value,
                        'kWh' AS unit, if(hash(m, i, 1) % 100 = 0, 'estimated', 'actual') AS quality,
                        'M' || lpad(m::VARCHAR, 9, '0') AS meter_id,
                        TIMESTAMP '2026-03-11 05:00:00' + (hash(m) % 3600) * INTERVAL 1 SECOND AS last_updated_at,
                        DATE '2026-03-10' AS read_date, 'America/New_York' AS zone, 'electricity' AS commodity,
                        {n + 1}::INTEGER AS receipt_id, {n + 1}::BIGINT AS load_sequence
                    FROM range({meters}) AS t(m), range(96) AS u(i)
                    WHERE {where} ORDER BY {order}
                ) TO {duck.text(path)} (FORMAT parquet, COMPRESSION zstd)
                """
            )
    return paths


def write_text(lake: Sequence[Path], folder: Path) -> list[Path]:
    """Write the gzip CSV files that such lake files could have come from."""
    folder.mkdir(parents=True, exist_ok=True)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        return pool.starmap(_write_text_file, [(path, folder / f"{path.stem}.csv.gz") for path in lake])


def _write_text_file(lake: Path, path: Path) -> Path:
    plain = path.with_suffix("")
    with duckdb.connect() as con:
        con.execute("SET enable_progress_bar = false")
        con.execute(
            f"COPY (SELECT service_point_id, channel, interval_start_at, value, unit, quality, meter_id, "
            f"last_updated_at FROM read_parquet({duck.text(lake)})) TO {duck.text(plain)} (FORMAT csv, HEADER)"
        )
    with plain.open("rb") as source, gzip.open(path, "wb", compresslevel=1) as target:
        shutil.copyfileobj(source, target, 1 << 20)
    plain.unlink()
    return path


def floor(text: Sequence[Path]) -> tuple[float, float]:
    """Return wall and processor seconds of `count(*)` over gzip CSV files, read as text columns."""
    with duckdb.connect() as con:
        con.execute("SET enable_progress_bar = false")
        wall, cpu = time.perf_counter(), time.process_time()
        con.execute(f"SELECT count(*) FROM read_csv({duck.text_list(list(text))}, all_varchar = true)").fetchone()
        return time.perf_counter() - wall, time.process_time() - cpu


def merge(lake: Sequence[Path], loads: Sequence[int], home: Path) -> tuple[int, float, float, float]:
    """Merge lake files in a process of its own; return rows, wall and processor seconds, peak memory in MB."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_merge, (list(lake), list(loads), home))


def _merge(lake: list[Path], loads: list[int], home: Path) -> tuple[int, float, float, float]:
    log.configure(logging.WARNING)  # standard output is for results
    settings = Settings(home=home)  # type: ignore[call-arg]
    wall, cpu = time.perf_counter(), time.process_time()
    result = ReadsStore(settings.reads, settings).merge(lake, loads)
    seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return result.rows_in, seconds, cpu_seconds, peak


def measure(lake: Sequence[Path], loads: Sequence[int], home: Path, text: Sequence[Path] = ()) -> Measured:
    """Merge lake files into an empty store and set the time against the count over their text.

    Args:
        lake: lake Parquet files of canonical reads.
        loads: their load sequences.
        home: a home without a reads store.
        text: the gzip files with the same rows; without them there is no floor.
    """
    before = floor(text) if text else None
    rows, seconds, cpu_seconds, peak = merge(lake, loads, home)
    best = min(before, floor(text)) if before else None
    return Measured(
        rows=rows,
        seconds=round(seconds, 2),
        cpu_seconds=round(cpu_seconds, 2),
        peak_rss_mb=round(peak),
        floor_seconds=round(best[0], 2) if best else None,
        floor_cpu_seconds=round(best[1], 2) if best else None,
        ratio=round(seconds / best[0], 2) if best else None,
        cpu_ratio=round(cpu_seconds / best[1], 2) if best else None,
    )


def _loads_of(lake: Sequence[Path]) -> list[int]:
    with duckdb.connect() as con:
        rows = con.execute(f"SELECT DISTINCT load_sequence FROM read_parquet({duck.text_list(list(lake))})").fetchall()
    return sorted(int(n) for (n,) in rows)


def main() -> None:
    """Make or take lake files, merge them, print one JSON object per shape."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--meters", type=int, default=25_000, help="meters of the made-up day (250000: full)")
    parser.add_argument("--shape", choices=SHAPES, action="append", help="shapes to measure; default both")
    parser.add_argument("--lake", type=Path, help="take the Parquet files below this folder instead")
    parser.add_argument("--text", type=Path, help="with --lake: folder of the gzip files to count")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nightwatt-bench-") as name:
        folder = Path(name)
        if options.lake:
            lake = sorted(options.lake.rglob("*.parquet"))
            text = sorted(options.text.rglob("*.gz")) if options.text else []
            print(json.dumps(asdict(measure(lake, _loads_of(lake), folder / "home", text))))
            return
        for shape in options.shape or SHAPES:
            lake = write_lake(folder / shape / "lake", options.meters, shape)
            text = write_text(lake, folder / shape / "text")
            measured = measure(lake, range(1, FILES + 1), folder / shape / "home", text)
            print(json.dumps({"shape": shape, "meters": options.meters} | asdict(measured)), flush=True)
            shutil.rmtree(folder / shape)


if __name__ == "__main__":
    main()
