"""Packing lines into the partner's files, the same bytes every time, split only where the partner lets us.

Belongs here: gzip files under way, and spreading chunks of lines over files of a limited size. Does not belong here:
which lines there are, and their order (the writers).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import duckdb
import pyarrow as pa
from isal import isal_zlib

from nightwatt import durable
from nightwatt.delivery.opower.profile import OpowerProfile
from nightwatt.errors import TerminalError

MEGABYTE = 1_000_000
_BLOCK = 1 << 17
_GZIP = 31  # window bits that ask for a gzip container; its header carries no name and mtime 0


@dataclass(frozen=True)
class WrittenFile:
    """One finished file."""

    path: Path
    rows: int
    size_bytes: int
    sha256: str

    @property
    def name(self) -> str:
        """Its file name."""
        return self.path.name


class Chunk(Protocol):
    """Lines that stay together; a file is split only between chunks."""

    @property
    def most_bytes(self) -> int:
        """More than its lines can have."""


AnyChunk = TypeVar("AnyChunk", bound=Chunk)


@dataclass(frozen=True)
class Form:
    """What the files of one kind have in common."""

    header: str | None  # without line end
    line_end: str
    level: int

    @classmethod
    def of(cls, profile: OpowerProfile[Any], header: str) -> Form:
        """Return the form a profile asks for."""
        return cls(header if profile.text.header else None, profile.text.line_end, profile.compression.level)


def pack(
    chunks: Sequence[AnyChunk],
    lines_of: Callable[[AnyChunk], Iterator[memoryview]],
    form: Form,
    path_of: Callable[[int], Path],
    limit_bytes: int,
) -> list[WrittenFile]:
    """Write chunks into files, in their order, beginning a new file where the present one could grow over the limit.

    Args:
        chunks: what to write; without any there is no file.
        lines_of: the text of a chunk, whole lines.
        form: header, line end and packing.
        path_of: where the first, second, ... file goes.
        limit_bytes: largest size of a packed file.
    """
    done: list[WrittenFile] = []
    packer: Packer | None = None
    try:
        for chunk in chunks:
            if packer and packer.most_bytes + chunk.most_bytes > limit_bytes:
                done.append(packer.finish())
                packer = None
            if packer is None:
                packer = Packer(path_of(len(done)), form)
            for lines in lines_of(chunk):
                packer.add(lines)
        if packer:
            done.append(packer.finish())
    except BaseException:
        if packer:
            packer.abandon()
        raise
    return done


def lines(con: duckdb.DuckDBPyConnection, statement: str, parameters: dict[str, Any]) -> Iterator[memoryview]:
    """Yield the text of a query's one column without making a Python object of any row."""
    reader: pa.RecordBatchReader = con.sql(statement, params=parameters).to_arrow_reader(100_000)
    for batch in reader:
        column = batch.column(0)
        if len(column) == 0:
            continue
        if column.type != pa.string() or column.null_count:
            raise TerminalError(
                "delivery.line_missing",
                "a line of the file came out empty: one of its columns has no value",
                "look at the published rows for some without zone, unit, channel or another fact of the file",
            )
        _, offsets, characters = column.buffers()
        ends = memoryview(offsets).cast("i")
        yield memoryview(characters)[ends[column.offset] : ends[column.offset + len(column)]]


class Packer:
    """A gzip file under way: a temporary name until it is whole and on disk."""

    def __init__(self, path: Path, form: Form) -> None:
        self._path = path
        self._temporary = path.with_name(f".{path.name}.tmp")
        self._file = self._temporary.open("wb")
        self._deflate = isal_zlib.compressobj(form.level, isal_zlib.DEFLATED, _GZIP)
        self._hash = hashlib.sha256()
        self._pending = bytearray()
        self._rows = 0
        self._line_end = form.line_end.encode()[-1:]
        self.size = 0
        if form.header is not None:
            self._pending += (form.header + form.line_end).encode()

    @property
    def most_bytes(self) -> int:
        """What the file can come to if nothing is added: text not yet packed counts in full."""
        return self.size + len(self._pending)

    def add(self, lines: memoryview) -> None:
        """Take whole lines."""
        self._rows += bytes(lines).count(self._line_end)
        self._pending += lines
        # Always blocks of one size: what the packer makes of them then depends on the text alone.
        whole = len(self._pending) - len(self._pending) % _BLOCK
        for start in range(0, whole, _BLOCK):
            self._put(self._deflate.compress(bytes(self._pending[start : start + _BLOCK])))
        del self._pending[:whole]

    def finish(self) -> WrittenFile:
        """Write what is left, make it durable, give it its name."""
        self._put(self._deflate.compress(bytes(self._pending)))
        self._put(self._deflate.flush())
        self._file.close()
        durable.put_in_place(self._temporary, self._path)
        return WrittenFile(self._path, self._rows, self.size, self._hash.hexdigest())

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)

    def _put(self, packed: bytes) -> None:
        self._file.write(packed)
        self._hash.update(packed)
        self.size += len(packed)
