"""The checker's way into a file: unpack, split into blocks of whole lines, split those into columns.

Belongs here: gz, zip and plain text, encoding, header, TABs. Does not belong here: what the columns mean
(`checker_rules`, `checker_billing`), nor any code of the writer.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import polars as pl
from isal import igzip

from nightwatt.delivery.opower.findings import SHOWN_LINES, Collector

BLOCK = 8 << 20
LONGEST_LINE = 32 << 20
"""What has no line end for so long is no text of ours, and would else fill the memory."""
LINE = "line_number"
_DAMAGE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, igzip.BadGzipFile, RuntimeError)
"""What unpacking raises: damage, and zips that are encrypted or packed in a way nobody here knows."""
_GZIP, _ZIP = b"\x1f\x8b", b"PK"


class Unreadable(Exception):
    """The file cannot be unpacked any further."""


@contextmanager
def unpacked(path: Path, found: Collector) -> Iterator[IO[bytes]]:
    """Open what a file unpacks to.

    Raises:
        Unreadable: damaged, truncated, or a zip with other than one member.
    """
    try:
        with _opened(path, found) as stream:
            yield stream
    except _DAMAGE as e:
        raise Unreadable(type(e).__name__) from e


def _opened(path: Path, found: Collector) -> AbstractContextManager[IO[bytes]]:
    """Open by what the name says; without .gz or .zip, by what the first bytes say."""
    with path.open("rb") as file:
        magic = file.read(2)
    if path.suffix == ".zip" or (path.suffix != ".gz" and magic == _ZIP):
        return _zip_member(path, found)
    if path.suffix != ".gz" and magic != _GZIP:
        return path.open("rb")
    return cast("AbstractContextManager[IO[bytes]]", igzip.open(path, "rb"))  # type: ignore[no-untyped-call]


@contextmanager
def _zip_member(path: Path, found: Collector) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) != 1 or members[0].is_dir() or "/" in members[0].filename:
            found.add("ZIP_MEMBERS", detail=f"{len(members)} members")
            raise Unreadable("zip")
        with archive.open(members[0]) as stream:
            yield stream


@dataclass(frozen=True)
class Layout:
    """What a file must look like: one name a column, and the header as the partner wants it."""

    names: Sequence[str]
    header_line: str | None
    retired: Sequence[str] = ()


def frames(path: Path, layout: Layout, found: Collector) -> Iterator[pl.DataFrame]:
    """Yield the rows of a file as text columns with line numbers, block by block; nothing where the header is wrong."""
    try:
        with unpacked(path, found) as stream:
            yield from _frames(blocks(stream), layout, found)
    except Unreadable as e:
        if str(e) != "zip":
            found.add("UNREADABLE", detail=str(e))


def _frames(pieces: Iterable[bytes], layout: Layout, found: Collector) -> Iterator[pl.DataFrame]:
    line = 1
    for raw in pieces:
        block = clean_text(raw, line, found)
        if line == 1 and layout.header_line is not None:
            header, _, block = block.partition(b"\n")
            line = 2
            if not _header_is_right(header.decode("utf-8"), layout, found):
                return
        if block:
            yield columns(block, list(layout.names), line, found)
            line += block.count(b"\n")
    if line == 1 and layout.header_line is not None:
        found.add("HEADER_MISMATCH", [1], detail="the file is empty")


def _header_is_right(header: str, layout: Layout, found: Collector) -> bool:
    if header == layout.header_line:
        return True
    retired = [name for name in header.split("\t") if name in layout.retired]
    if retired:
        found.add("INT_RETIRED_COLUMN", [1], detail=", ".join(retired))
    else:
        found.add("HEADER_MISMATCH", [1], detail=f"expected {(layout.header_line or '').replace(chr(9), ' ')}")
    return False


def blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the text in blocks that end with a line end."""
    rest = b""
    while piece := stream.read(BLOCK):
        end = piece.rfind(b"\n") + 1
        if end == 0:
            rest += piece
            if len(rest) > LONGEST_LINE:
                raise Unreadable("a line without end")
            continue
        yield rest + piece[:end]
        rest = piece[end:]
    if rest:
        yield rest + b"\n"


def clean_text(block: bytes, first_line: int, found: Collector) -> bytes:
    """Return a block as valid text with LF line ends, noting what was not."""
    if first_line == 1 and block.startswith(b"\xef\xbb\xbf"):
        found.add("ENCODING", [1], detail="byte order mark")
        block = block[3:]
    if b"\0" in block:
        found.add("ENCODING", [first_line + block.count(b"\n", 0, block.index(b"\0"))], detail="NUL")
        block = block.replace(b"\0", b" ")
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
        if b"\r" in block:
            found.add("ENCODING", [first_line + block.count(b"\n", 0, block.index(b"\r"))], detail="carriage return")
            block = block.replace(b"\r", b" ")
    try:
        block.decode("utf-8")
    except UnicodeDecodeError as e:
        found.add("ENCODING", [first_line + block.count(b"\n", 0, e.start)], detail="not UTF-8")
        block = block.decode("utf-8", "replace").encode()
    return block


def columns(block: bytes, names: list[str], first_line: int, found: Collector) -> pl.DataFrame:
    """Split a block into text columns, with line numbers; lines with a wrong number of TABs are left out."""
    lines = block.count(b"\n")
    if block.count(b"\t") == lines * (len(names) - 1):
        try:
            frame = _split(block, names)
        except pl.exceptions.PolarsError:
            frame = None  # too many TABs on one line made up for too few on another
        if frame is not None and frame.height == lines:
            return frame.with_columns(pl.int_range(first_line, first_line + lines, dtype=pl.Int64).alias(LINE))
    return _without_ragged(block, names, first_line, found)


def _split(block: bytes, names: list[str]) -> pl.DataFrame:
    return pl.read_csv(
        io.BytesIO(block),
        has_header=False,
        separator="\t",
        quote_char=None,
        schema=dict.fromkeys(names, pl.String),
        empty_string_is_null=False,
    )


def _without_ragged(block: bytes, names: list[str], first_line: int, found: Collector) -> pl.DataFrame:
    """Split the lines that have the right number of TABs, and note the others."""
    numbered = pl.DataFrame({"text": block.decode("utf-8").split("\n")[:-1]}).with_row_index(LINE, first_line)
    is_whole = pl.col("text").str.count_matches("\t", literal=True) == len(names) - 1
    ragged = numbered.filter(~is_whole).get_column(LINE)
    if len(ragged):
        found.add("TAB_COUNT", ragged.head(SHOWN_LINES).to_list(), count=len(ragged))
    whole = numbered.filter(is_whole)
    if whole.is_empty():
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String) | {LINE: pl.Int64})
    cells = _split(("\n".join(whole.get_column("text")) + "\n").encode(), names)
    return cells.with_columns(whole.get_column(LINE).cast(pl.Int64))
