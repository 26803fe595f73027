"""Physical lines of a landed file: unpacking, cleaning what no parser should see, fetching raw text.

Belongs here: everything that must look at bytes line by line, and only then: rejects, quote and NUL
repair, other encodings. Does not belong here: parsing fields (DuckDB does that).
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import zstandard
from isal import igzip

from nightwatt.contracts.feed import Format

_BOM = b"\xef\xbb\xbf"


@contextmanager
def unpacked(path: Path, compression: str) -> Iterator[IO[bytes]]:
    """Open a landed file as the bytes it unpacks to."""
    if compression == "gz":
        with igzip.IGzipFile(path, "rb") as stream:  # type: ignore[no-untyped-call]  # the library has no types
            yield cast("IO[bytes]", stream)
    elif compression == "zst":
        with (
            path.open("rb") as raw,
            zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as packed,
        ):
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


def first_line(path: Path, form: Format) -> str:
    """Return the first line as text, without its end and without a byte order mark."""
    with unpacked(path, form.compression) as stream:
        if form.encoding.lower().replace("_", "-") in {"utf-8", "utf8"}:
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
            found = problem or _problem(text, form.quote)
            if found:
                aside.append(SetAside(number, found[0], found[1], text))
                out.write(b"\n")
            else:
                out.write(text.encode("utf-8") + b"\n")
    return aside


def _problem(text: str, quote: str | None) -> tuple[str, str] | None:
    if "\0" in text:
        return "row.nul_byte", "the line holds a NUL byte"
    if quote and text.count(quote) % 2:
        return "row.unclosed_quote", "the line opens a quote and does not close it"
    return None


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


def raw_lines(path: Path, form: Format, numbers: Iterable[int]) -> dict[int, str]:
    """Return the raw text of some lines (undecodable bytes shown as replacement signs)."""
    wanted = set(numbers)
    if not wanted:
        return {}
    last, found = max(wanted), {}
    plain = Format(compression=form.compression, encoding=form.encoding)
    with unpacked(path, form.compression) as stream:
        for number, text, _ in _decoded(stream, plain):
            if number in wanted:
                found[number] = text
            if number >= last:
                break
    return found


def line_of_record(path: Path, form: Format, records: Iterable[int], skipped: set[int]) -> tuple[dict[int, int], int]:
    """Map record numbers, as a parser counts them, to physical lines.

    A parser counts neither the header, nor blank lines, nor the lines in `skipped`.

    Returns:
        Record number to line number, and how many blank lines the file has.
    """
    wanted = set(records)
    found: dict[int, int] = {}
    record = blank = 0
    with unpacked(path, form.compression) as stream:
        for number, line in physical_lines(stream):
            if number == 1 and form.header:
                continue
            if not line:
                blank += 1
                continue
            if number in skipped:
                continue
            record += 1
            if record in wanted:
                found[record] = number
    return found, blank
