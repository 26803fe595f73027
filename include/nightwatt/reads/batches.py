"""Carrying out a merge: batch by batch into new files, then counted, flushed and named.

Belongs here: the candidate relation of a batch, its statements, side by side within the memory there is,
and the move of finished files to their lasting names. Does not belong here: the rule (`latest.py`), the
grouping (`plan.py`), versions and locks (`store.py`).
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb

from nightwatt import duck, durable
from nightwatt.contracts.canonical import READ_COLUMNS, READ_KEY
from nightwatt.reads import latest
from nightwatt.reads.manifest import DATA, LakeLoad, Partition
from nightwatt.reads.plan import Batch, CellKey, lake_sql, range_condition
from nightwatt.settings import Settings

BYTES_PER_WORKER = 800_000_000
"""Memory a batch of the target size needs at its peak, with room to spare."""

FLUSH_THREADS = 8

_COPY = "FORMAT parquet, COMPRESSION zstd"
_COLUMNS = ", ".join(READ_COLUMNS)


@dataclass(frozen=True)
class Written:
    """What a batch came to.

    Attributes:
        new: data files to take into the version, with paths that are final.
        gone: cells whose present data file the version no longer has.
        inserted: reads that were not in the store.
        updated: reads that replaced another state of themselves.
        conflicts: conflicts found.
    """

    new: tuple[Partition, ...]
    gone: tuple[CellKey, ...]
    inserted: int
    updated: int
    conflicts: int


@dataclass(frozen=True)
class Job:
    """What all batches of one merge share.

    Attributes:
        root: the store's folder.
        work: folder of this merge for unfinished files; emptied by the caller.
        version: number of the version being made.
        bounds: its id ranges.
        loads: the loads being merged.
        witnesses: loads merged before that hold newer receipts than one being merged.
    """

    root: Path
    work: Path
    version: int
    bounds: tuple[str, ...]
    loads: tuple[int, ...]
    witnesses: tuple[LakeLoad, ...]

    @property
    def loads_sql(self) -> str:
        """The condition that a row came with a load being merged."""
        return f"load_sequence IN ({', '.join(map(str, self.loads))})"


def run_batches(
    con: duckdb.DuckDBPyConnection, settings: Settings, job: Job, batches: Sequence[Batch]
) -> list[Written]:
    """Run all batches, as many at a time as memory and processors allow.

    Each statement runs on one thread: window and Parquet writing are single-threaded in DuckDB anyway, two
    batches side by side use two processors better than one batch, and order is never at stake.
    """
    con.execute("SET threads = 1")
    with ThreadPoolExecutor(workers(settings), "merge") as pool:
        futures = [pool.submit(_in_own_cursor, con, job, number, batch) for number, batch in enumerate(batches)]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def workers(settings: Settings) -> int:
    """Return how many batches may run side by side."""
    processors = settings.threads or len(os.sched_getaffinity(0))
    return max(1, min(processors, memory_bytes(settings.memory_limit) // BYTES_PER_WORKER))


def memory_bytes(limit: str) -> int:
    """Return a DuckDB memory limit such as ``2GB`` or ``1.5 GiB`` in bytes; 0 for one it cannot tell."""
    match = re.fullmatch(r"\s*([\d.]+)\s*([KMGT]?)(i?)B?\s*", limit, re.IGNORECASE)
    if match is None:
        return 0
    number, prefix, binary = match.groups()
    return int(float(number) * (1024 if binary else 1000) ** " KMGT".index(prefix.upper() or " "))


def _in_own_cursor(con: duckdb.DuckDBPyConnection, job: Job, number: int, batch: Batch) -> Written:
    cursor = con.cursor()
    try:
        return _run(cursor, job, number, batch)
    finally:
        cursor.close()


def _run(con: duckdb.DuckDBPyConnection, job: Job, number: int, batch: Batch) -> Written:
    folder = job.work / f"{number:06d}"
    folder.mkdir(parents=True)
    candidates, candidate_count = _candidates(job, batch)
    write = _write_cell if len(batch.cells) == 1 else _write_cells
    outcomes = write(con, job, folder, batch, candidates)
    new = {outcome.key: outcome for outcome in outcomes if outcome.path}
    row_count = sum(outcome.row_count for outcome in outcomes)
    inserted = row_count - sum(cell.stored.row_count for cell in batch.cells if cell.stored)
    changed = sum(outcome.changed for outcome in outcomes)
    if changed:
        _write_touched(con, job, number, batch, [o.path for o in new.values() if o.path])
    conflicts = 0
    if candidate_count is None or candidate_count > row_count:
        conflicts = _write_conflicts(con, job, number, candidates)
    same = {outcome.key for outcome in outcomes} - new.keys()
    gone = tuple(cell.key for cell in batch.cells if cell.stored and cell.key not in same)
    partitions = tuple(_settle(job, outcome) for outcome in new.values())
    shutil.rmtree(folder)
    return Written(partitions, gone, inserted, changed - inserted, conflicts)


@dataclass(frozen=True)
class _Outcome:
    """The rows of one cell after the merge; `path` is None where its present data file holds just these."""

    key: CellKey
    row_count: int
    changed: int
    min_service_point_id: str
    max_service_point_id: str
    zones: tuple[str, ...]
    path: Path | None

    def is_same_as(self, stored: Partition | None) -> bool:
        return stored is not None and not self.changed and self.row_count == stored.row_count


def _candidates(job: Job, batch: Batch) -> tuple[str, int | None]:
    """Return the candidate relation of a batch and its rows (None: not known beforehand)."""
    stored = [job.root / cell.stored.path for cell in batch.cells if cell.stored]
    files = sorted({path for cell in batch.cells for path in cell.files})
    dates = sorted(cell.key[0] for cell in batch.cells)
    where = f"{range_condition(job.bounds, batch.range_number)} AND {_dates_condition(dates)}"
    parts = [_candidate_sql(lake_sql(files), latest.INCOMING, f"{where} AND {job.loads_sql}")]
    if stored:
        parts.append(_candidate_sql(lake_sql(stored), latest.STORED, "true"))
    witnesses = sorted({path for load in job.witnesses for path in _present_files(job, load, dates)})
    if stored and witnesses:
        sequences = ", ".join(str(load.sequence) for load in job.witnesses)
        condition = f"{where} AND load_sequence IN ({sequences})"
        parts.append(_candidate_sql(lake_sql(witnesses), latest.WITNESS, condition))
        return " UNION ALL ".join(parts), None
    return " UNION ALL ".join(parts), batch.size


def _candidate_sql(relation: str, kind: int, condition: str) -> str:
    return f"SELECT {_COLUMNS}, {kind}::TINYINT AS _kind FROM {relation} WHERE {condition}"


def _dates_condition(dates: Sequence[date]) -> str:
    if len(dates) == 1:
        return f"read_date = DATE {duck.text(dates[0])}"
    return f"read_date IN ({', '.join(f'DATE {duck.text(day)}' for day in dates)})"


def _present_files(job: Job, load: LakeLoad, dates: Sequence[date]) -> list[Path]:
    if load.first_date is None or load.last_date is None:
        return []
    if load.last_date < dates[0] or load.first_date > dates[-1]:
        return []
    return [path for name in load.files if (path := Path(os.path.normpath(job.root / name))).exists()]


def _write_cell(
    con: duckdb.DuckDBPyConnection, job: Job, folder: Path, batch: Batch, candidates: str
) -> list[_Outcome]:
    """Write a single cell straight from the sort."""
    (cell,) = batch.cells
    path = folder / "cell.parquet"
    query = latest.latest_sql(candidates, has_stored=cell.stored is not None)
    con.execute(f"COPY ({query}) TO {duck.text(path)} ({_COPY})")
    (outcome,) = _outcomes(con, job, batch, lake_sql([path]))
    return [outcome if outcome.is_same_as(cell.stored) else replace(outcome, path=path)]


def _write_cells(
    con: duckdb.DuckDBPyConnection, job: Job, folder: Path, batch: Batch, candidates: str
) -> list[_Outcome]:
    """Sort many cells at once, then write those that changed, each by its date.

    Not with COPY and PARTITION_BY: that does not keep the order of rows within a partition.
    """
    has_stored = any(cell.stored for cell in batch.cells)
    if batch.is_linked:
        query = latest.latest_sql(candidates, has_stored=has_stored)
        query = f"SELECT * FROM ({query}) ORDER BY read_date, {', '.join(READ_KEY)}"
    else:
        query = latest.latest_sql(candidates, has_stored=has_stored, first=("read_date",))
    con.execute(f"CREATE TEMP TABLE staying AS {query}")
    stored = {cell.key: cell.stored for cell in batch.cells}
    outcomes = _outcomes(con, job, batch, "staying")
    for n, outcome in enumerate(outcomes):
        if not outcome.is_same_as(stored[outcome.key]):
            path = folder / f"{n:06d}.parquet"
            rows = f"SELECT * FROM staying WHERE read_date = DATE {duck.text(outcome.key[0])}"
            con.execute(f"COPY ({rows}) TO {duck.text(path)} ({_COPY})")
            outcomes[n] = replace(outcome, path=path)
    con.execute("DROP TABLE staying")
    return outcomes


def _outcomes(con: duckdb.DuckDBPyConnection, job: Job, batch: Batch, relation: str) -> list[_Outcome]:
    """Describe the rows that stay, by read date; `changed` counts those that came with this merge."""
    rows = con.execute(
        f"""
        SELECT read_date, count(*), count(*) FILTER ({job.loads_sql}),
            min(service_point_id), max(service_point_id), list(DISTINCT zone)
        FROM {relation}
        GROUP BY read_date
        ORDER BY read_date
        """
    ).fetchall()
    return [
        _Outcome((day, batch.range_number), row_count, changed, low, high, tuple(sorted(zones)), None)
        for day, row_count, changed, low, high, zones in rows
    ]


def _write_touched(con: duckdb.DuckDBPyConnection, job: Job, number: int, batch: Batch, made: Sequence[Path]) -> None:
    """Write the keys that this merge inserted or changed, as a part of the version's list."""
    query = f"SELECT DISTINCT service_point_id, channel, read_date FROM {lake_sql(made)} WHERE {job.loads_sql}"
    stored = [job.root / cell.stored.path for cell in batch.cells if cell.stored]
    if batch.is_linked and stored:
        query += f"""
            UNION
            SELECT s.service_point_id, s.channel, s.read_date
            FROM {lake_sql(stored)} AS s
            JOIN (SELECT * FROM {lake_sql(made)} WHERE {job.loads_sql}) AS m USING ({", ".join(READ_KEY)})
            WHERE s.read_date <> m.read_date
        """
    con.execute(f"COPY ({query}) TO {duck.text(job.work / f'touched-{number:06d}.parquet')} ({_COPY})")


def _write_conflicts(con: duckdb.DuckDBPyConnection, job: Job, number: int, candidates: str) -> int:
    path = job.work / f"conflicts-{number:06d}.parquet"
    con.execute(f"COPY ({latest.conflicts_sql(candidates)}) TO {duck.text(path)} ({_COPY})")
    counted = con.execute(f"SELECT count(*) FROM {lake_sql([path])}").fetchone()
    count = int(counted[0]) if counted else 0
    if not count:
        path.unlink()
    return count


def _settle(job: Job, outcome: _Outcome) -> Partition:
    """Give a written file its lasting name."""
    assert outcome.path is not None  # noqa: S101  (the caller took only these)
    day, number = outcome.key
    name = f"{DATA}/read_date={day}/r{number:03d}-v{job.version:08d}.parquet"
    (job.root / name).parent.mkdir(parents=True, exist_ok=True)
    size = outcome.path.stat().st_size
    outcome.path.replace(job.root / name)
    return Partition(
        path=name,
        read_date=day,
        range_number=number,
        row_count=outcome.row_count,
        size_bytes=size,
        min_service_point_id=outcome.min_service_point_id,
        max_service_point_id=outcome.max_service_point_id,
        zones=outcome.zones,
    )


def gather(con: duckdb.DuckDBPyConnection, parts: Sequence[Path], path: Path, columns: Mapping[str, str]) -> None:
    """Make one sorted Parquet file of the parts that batches left; an empty one where there are none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if parts:
        relation = lake_sql(parts)
    else:
        relation = f"(SELECT {', '.join(f'NULL::{kind} AS {name}' for name, kind in columns.items())} WHERE false)"
    con.execute(f"COPY (SELECT * FROM {relation} ORDER BY ALL) TO {duck.text(path)} ({_COPY})")


def flush_all(paths: Iterable[Path]) -> None:
    """Make files, and the folders that name them up to the store's root, survive a power cut."""
    files = sorted(set(paths))
    folders = {folder for path in files for folder in (path.parent, path.parent.parent)}
    with ThreadPoolExecutor(FLUSH_THREADS) as pool:
        list(pool.map(durable.fsync_file, files))
        list(pool.map(durable.fsync_folder, sorted(folders)))
