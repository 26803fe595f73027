"""Writing rows as files: whole rows up to the size limit, in order, the same bytes every time.

Belongs here: streaming lines to disk, splitting, hashing, and the list of keys beside each file. Does not belong here:
what a line says (`dialects`), which rows go (`delta`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nightwatt import durable
from nightwatt.delivery import outbox

MEGABYTE = 1_000_000
"""A Bulk API upload is base64 inside, so 100 of these are the limit, and no mebibytes."""

_BATCH = 50_000
ROWS = pa.schema(
    [("external_id", pa.string()), ("content_hash", pa.string()), ("remote_id", pa.string()), ("dated", pa.date32())]
)
"""What is kept beside a file of each row in it."""


@dataclass(frozen=True)
class CsvFile:
    """One finished file."""

    path: Path
    rows: int
    size_bytes: int
    sha256: str
    first_key: str
    last_key: str
    amounts: Mapping[str, Decimal]


@dataclass(frozen=True)
class Lines:
    """A query of lines in file order, and what they hold."""

    con: duckdb.DuckDBPyConnection
    query: str  # columns: line, then those of ROWS, then a0, a1, ... as decimals
    header: str
    amounts: Sequence[str]


def write_files(lines: Lines, limit: int, next_path: Callable[[], Path]) -> Iterator[CsvFile]:
    """Write all lines, each file as full as the limit lets it be; yield each when it is whole and on disk."""
    under_way: _Csv | None = None
    try:
        for batch in lines.con.sql(lines.query).to_arrow_reader(_BATCH):
            start = 0
            while start < batch.num_rows:
                under_way = under_way or _Csv(next_path(), lines, limit)
                taken = under_way.take(batch, start)
                start += taken
                if start < batch.num_rows:
                    yield under_way.finish()
                    under_way = None
        if under_way is not None:
            yield under_way.finish()
            under_way = None
    finally:
        if under_way is not None:
            under_way.abandon()


class _Csv:
    """A file under way, with the list of its keys."""

    def __init__(self, path: Path, lines: Lines, limit: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._limit, self._names = path, limit, lines.amounts
        self._aside = durable.aside_of(path)
        self._file = self._aside.open("wb")
        self._keys = pq.ParquetWriter(outbox.rows_beside(path), ROWS, compression="zstd")
        self._hash = hashlib.sha256()
        self._size = self._rows = 0
        self._first = self._last = ""
        self._sums = [Decimal(0) for _ in lines.amounts]
        self._put(f"{lines.header}\n".encode())

    def take(self, batch: pa.RecordBatch, start: int) -> int:
        """Take as many rows from `start` on as there is room for, at least one in a new file; return how many."""
        column = batch.column(0)
        _, offsets, characters = column.buffers()
        ends = memoryview(offsets).cast("i")[column.offset :]
        stop = _last_fitting(ends, start, batch.num_rows, self._limit - self._size)
        if stop == start and self._rows == 0:
            stop = start + 1
        if stop > start:
            self._put(memoryview(characters)[ends[start] : ends[stop]])
            self._note(batch.slice(start, stop - start))
        return stop - start

    def _put(self, content: bytes | memoryview) -> None:
        self._file.write(content)
        self._hash.update(content)
        self._size += len(content)

    def _note(self, rows: pa.RecordBatch) -> None:
        keys = rows.select(ROWS.names)
        self._keys.write_batch(keys.cast(ROWS))
        self._first = self._first or str(keys.column(0)[0].as_py())
        self._last = str(keys.column(0)[-1].as_py())
        self._rows += rows.num_rows
        for number in range(len(self._names)):
            total: Any = pc.sum(rows.column(f"a{number}")).as_py()
            self._sums[number] += total or Decimal(0)

    def finish(self) -> CsvFile:
        """Close the file and put it on its name."""
        self._keys.close()
        self._file.close()
        durable.fsync_file(outbox.rows_beside(self._path))
        durable.put_in_place(self._aside, self._path)
        return CsvFile(
            path=self._path,
            rows=self._rows,
            size_bytes=self._size,
            sha256=self._hash.hexdigest(),
            first_key=self._first,
            last_key=self._last,
            amounts=dict(zip(self._names, self._sums, strict=True)),
        )

    def abandon(self) -> None:
        """Close and remove what was written so far."""
        self._keys.close()
        self._file.close()
        self._aside.unlink(missing_ok=True)
        outbox.rows_beside(self._path).unlink(missing_ok=True)


def _last_fitting(ends: memoryview[int], start: int, stop: int, room: int) -> int:
    """Return the row behind the last one whose end still fits."""
    low, high = start, stop
    while low < high:
        middle = (low + high + 1) // 2
        if ends[middle] - ends[start] <= room:
            low = middle
        else:
            high = middle - 1
    return low
