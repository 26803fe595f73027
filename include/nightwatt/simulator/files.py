"""Writing big files by stream, whole or not at all.

Here: gzip, zstd and plain files under a dot-name, renamed when complete; counts, sizes and hashes on the way.
Not here: what is in them (`mdm`, `ccb`, `isu`).
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import TracebackType
from typing import Protocol

import zstandard
from isal import isal_zlib

from nightwatt.simulator.utility import FileSummary

_BLOCK = 1 << 20  # the compressors see blocks of this size, so the bytes do not depend on how rows were handed over


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _Plain:
    """A compressor that does not."""

    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def _compressor(name: str) -> _Compressor:
    if name.endswith(".gz"):  # wbits 31 is a gzip header; it carries no name and no time
        return isal_zlib.compressobj(level=1, wbits=31)
    if name.endswith(".zst"):
        return zstandard.ZstdCompressor(level=1, write_checksum=True).compressobj()
    if name.endswith(".idoc"):
        return _Plain()
    raise ValueError(f"no compressor for {name}")


class TextFile:
    """A text file in the making; leaving the block without an error puts it in place."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._final, self._hidden = folder / name, folder / f".{name}"
        self.name = f"{folder.name}/{name}"
        self.rows = self.size = 0
        self._compressor = _compressor(name)
        self._pending = bytearray()
        self._hash = hashlib.sha256()
        self._out = self._hidden.open("wb")

    def __enter__(self) -> TextFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._write(self._compressor.compress(bytes(self._pending)) + self._compressor.flush())
        self._out.close()
        if kind is None:
            self._hidden.replace(self._final)
        else:
            self._hidden.unlink(missing_ok=True)

    def add(self, text: bytes, rows: int = 0) -> None:
        """Append text that holds so many data rows."""
        self.rows += rows
        self._pending += text
        whole = len(self._pending) // _BLOCK * _BLOCK
        for start in range(0, whole, _BLOCK):
            self._write(self._compressor.compress(bytes(self._pending[start : start + _BLOCK])))
        del self._pending[:whole]

    def _write(self, data: bytes) -> None:
        self._out.write(data)
        self._hash.update(data)
        self.size += len(data)

    def summary(self) -> FileSummary:
        """Report the finished file; call it after the block."""
        return FileSummary(self.name, self.rows, self.size, self._hash.hexdigest())


def write_plain(folder: Path, name: str, text: bytes) -> FileSummary:
    """Put a small plain file in place: a manifest or a done-marker."""
    hidden = folder / f".{name}"
    hidden.write_bytes(text)
    hidden.replace(folder / name)
    return FileSummary(f"{folder.name}/{name}", 0, len(text), hashlib.sha256(text).hexdigest())


def remove_old(folder: Path, marker: str, files: str) -> None:
    """Take the files of an earlier run away before they are written anew: the marker first, then a name pattern."""
    (folder / marker).unlink(missing_ok=True)
    for path in folder.glob(files):
        path.unlink()
