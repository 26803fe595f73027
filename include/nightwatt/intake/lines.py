"""Physical lines of a landed file: unpacking, cleaning what no parser should see, fetching raw text.

Belongs here: everything that must look at bytes line by line, and only then: rejects, quote and NUL
repair, other encodings. Does not belong here: parsing fields (DuckDB does that).
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from isal import igzip

from nightwatt.contracts.formats import Format

_BOM = b"\xef\xbb\xbf"
_LF, _CR = b"\n\r"
_CHUNK = 8 << 20

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@contextmanager
def unpacked(path: Path, compression: str) -> Iterator[IO[bytes]]:
    """Open a landed file as the bytes it unpacks to."""
    if compression == "gz":
        with igzip.IGzipFile(path, "rb") as stream:  # type: ignore[no-untyped-call]  # the library has no types
            yield cast("IO[bytes]", stream)
    elif compression == "zst":
        with pa.OSFile(str(path), "rb") as raw, pa.CompressedInputStream(raw, "zstd") as packed:
            yield io.BufferedReader(cast("io.RawIOBase", packed), 1 << 20)
    elif compression == "zip":
        with zipfile.ZipFile(path) as archive, archive.open(archive.infolist()[0]) as member:
            yield member
    else:
        with path.open("rb") as stream:
            yield stream


def physical_lines(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    r"""Yield (line number from 1, line without its end); ends are \n, \r\n or a lone \r."""
    number = 0
    for chunk in stream:
        body = chunk[:-1] if chunk.endswith(b"\n") else chunk
        body = body.removesuffix(b"\r")
        for line in body.split(b"\r"):
            number += 1
            yield number, line


def is_utf8(encoding: str) -> bool:
    """Return whether an encoding is the one the engine reads by itself."""
    return encoding.lower().replace("_", "-") in {"utf-8", "utf8"}


def ends_with_line_end(path: Path, form: Format) -> bool:
    """Return whether the last line of a file is finished."""
    last = b""
    with unpacked(path, form.compression) as stream:
        while chunk := stream.read(_CHUNK):
            last = (last + chunk[-8:])[-8:]
    return last.decode(form.encoding, "replace").endswith(("\n", "\r"))


def first_line(path: Path, form: Format) -> str:
    """Return the first line as text, without its end and without a byte order mark."""
    with unpacked(path, form.compression) as stream:
        if is_utf8(form.encoding):
            _, line = next(physical_lines(stream), (0, b""))
            return line.removeprefix(_BOM).decode("utf-8", errors="replace")
        reader = io.TextIOWrapper(stream, form.encoding, errors="replace")
        try:
            return reader.readline().rstrip("\r\n")
        finally:
            reader.detach()


@dataclass(frozen=True)
class SetAside:
    """A line that no parser should see, with the reason."""

    line: int
    code: str
    reason: str
    raw: str


def clean_copy(path: Path, form: Format, target: Path) -> list[SetAside]:
    """Write a UTF-8 copy with LF ends in which unparseable lines are blank, so that numbering stays.

    Set aside are lines with a NUL, lines that do not decode, and, for feeds that quote, lines whose quotes
    do not pair: a parser would swallow every line up to the next quote.

    Returns:
        The lines set aside, in file order.
    """
    aside: list[SetAside] = []
    with unpacked(path, form.compression) as stream, target.open("wb") as out:
        for number, text, problem in _decoded(stream, form):
            found = problem or _problem(text, form)
            if found:
                aside.append(SetAside(number, found[0], found[1], text))
                out.write(b"\n")
            else:
                out.write(text.encode("utf-8") + b"\n")
    return aside


def _problem(text: str, form: Format) -> tuple[str, str] | None:
    if "\0" in text:
        return "row.nul_byte", "the line holds a NUL byte"
    if form.quote is None or form.quote not in text:
        return None
    if text.count(form.quote) % 2:
        return "row.unclosed_quote", "the line opens a quote and does not close it"
    if not _well_quoted(form.quote, form.delimiter).fullmatch(text):
        return "row.bad_quote", "a quote sign stands where none may stand"
    return None


@lru_cache(maxsize=16)
def _well_quoted(quote: str, delimiter: str) -> re.Pattern[str]:
    """A line whose quotes open at a field's start and close at its end; a doubled one inside stands for itself."""
    q, d = re.escape(quote), re.escape(delimiter)
    field = f"(?:{q}(?:[^{q}]|{q}{q})*{q}|[^{q}{d}]*)"
    return re.compile(f"{field}(?:{d}{field})*")


def _decoded(stream: IO[bytes], form: Format) -> Iterator[tuple[int, str, tuple[str, str] | None]]:
    codec = form.encoding.lower()
    if codec.startswith(("utf-16", "utf16", "utf-32", "utf32")):  # line ends are wider than a byte
        reader = io.TextIOWrapper(stream, codec, errors="strict", newline=None)
        try:
            for number, decoded in enumerate(reader, start=1):
                yield number, decoded.rstrip("\n"), None
        finally:
            reader.detach()  # the stream is the caller's to close
        return
    for number, raw in physical_lines(stream):
        line = raw.removeprefix(_BOM) if number == 1 else raw
        try:
            yield number, line.decode(codec), None
        except UnicodeDecodeError as e:
            yield (
                number,
                line.decode("latin-1"),
                ("row.bad_encoding", f"byte {e.start + 1} is not {form.encoding}"),
            )


@dataclass(frozen=True)
class Located:
    """Lines looked up in a file."""

    line_of: dict[int, int]  # record number, as a parser counts, to physical line
    raw: dict[int, str]  # physical line to its text (undecodable bytes shown as replacement signs)
    blank_lines: int


def locate(path: Path, form: Format, records: Iterable[int], skipped: Iterable[int]) -> Located:
    r"""Find the physical lines and the raw text of some records, without a loop over the lines.

    A parser counts neither the header, nor blank lines, nor the lines in `skipped`.

    Args:
        path: a file in an encoding of one byte a line end, its lines ended by \n or \r\n.
        form: its compression, header and encoding.
        records: record numbers, from 1.
        skipped: physical lines a parser leaves out.
    """
    search = _Search(form, sorted(set(records)), np.array(sorted(set(skipped)), np.int64))
    rest = b""
    with unpacked(path, form.compression) as stream:
        while chunk := stream.read(_CHUNK):
            block = rest + chunk
            end = block.rfind(b"\n") + 1
            search.look_at(block[:end])
            rest = block[end:]
    if rest:
        search.look_at(rest + b"\n")
    return Located(search.line_of, search.raw, search.blank)


class _Search:
    """What `locate` carries from chunk to chunk."""

    def __init__(self, form: Format, records: list[int], skipped: IntArray) -> None:
        self.form = form
        self.records = np.array(records, np.int64)
        self.skipped = skipped
        self.line_of: dict[int, int] = {}
        self.raw: dict[int, str] = {}
        self.blank = 0
        self._line = 0  # physical lines before this block
        self._record = 0  # records before this block

    def look_at(self, block: bytes) -> None:
        """Search a block of whole lines."""
        ends = np.flatnonzero(np.frombuffer(block, np.uint8) == _LF)
        starts = np.concatenate(([0], ends[:-1] + 1)) if ends.size else ends
        numbers = self._line + 1 + np.arange(ends.size)
        is_blank = self._blank(block, starts, ends)
        if self._line == 0 and self.form.header and ends.size:
            is_blank[0] = False
        self.blank += int(is_blank.sum())
        is_record = ~is_blank & ~np.isin(numbers, self.skipped)
        if self._line == 0 and self.form.header and ends.size:
            is_record[0] = False
        counted = self._record + np.cumsum(is_record)
        self._find_records(block, starts, ends, is_record, counted)
        self._line += int(ends.size)
        self._record = int(counted[-1]) if counted.size else self._record

    def _blank(self, block: bytes, starts: IntArray, ends: IntArray) -> BoolArray:
        length = ends - starts
        is_blank: BoolArray = length == 0
        for n in np.flatnonzero(length == 1):
            is_blank[n] = block[starts[n]] == _CR
        return is_blank

    def _find_records(
        self, block: bytes, starts: IntArray, ends: IntArray, is_record: BoolArray, counted: IntArray
    ) -> None:
        if not counted.size:
            return
        here = self.records[(self.records > self._record) & (self.records <= counted[-1])]
        for record, place in zip(here, np.searchsorted(counted, here), strict=True):
            number = self._line + int(place) + 1
            assert is_record[place]  # noqa: S101  (the count rises only at records)
            self.line_of[int(record)] = number
            self._keep(block, starts, ends, number)

    def _keep(self, block: bytes, starts: IntArray, ends: IntArray, number: int) -> None:
        place = number - self._line - 1
        line = block[starts[place] : ends[place]].removesuffix(b"\r")
        line = line.removeprefix(_BOM) if number == 1 else line
        self.raw[number] = line.decode(self.form.encoding, errors="replace")
