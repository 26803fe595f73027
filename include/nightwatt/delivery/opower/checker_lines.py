"""The checker's way into a file: unpack, split into blocks of whole lines, split those into columns.

Belongs here: gz and zip, text encoding, TABs. Does not belong here: what the columns mean (`checker_rules`),
nor any code of the writer.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, cast

import polars as pl
from isal import igzip

from nightwatt.delivery.opower.findings import Collector

BLOCK = 8 << 20
LINE = "line_number"


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
    except (OSError, EOFError, zipfile.BadZipFile, igzip.BadGzipFile) as e:
        raise Unreadable(type(e).__name__) from e


def _opened(path: Path, found: Collector) -> AbstractContextManager[IO[bytes]]:
    if path.suffix == ".zip":
        return _zip_member(path, found)
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


def blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the text in blocks that end with a line end."""
    rest = b""
    while piece := stream.read(BLOCK):
        end = piece.rfind(b"\n") + 1
        if end == 0:
            rest += piece
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
    return _one_by_one(block, names, first_line, found)


def _split(block: bytes, names: list[str]) -> pl.DataFrame:
    return pl.read_csv(
        io.BytesIO(block),
        has_header=False,
        separator="\t",
        quote_char=None,
        schema=dict.fromkeys(names, pl.String),
        empty_string_is_null=False,
    )


def _one_by_one(block: bytes, names: list[str], first_line: int, found: Collector) -> pl.DataFrame:
    good: list[list[str]] = []
    good_lines: list[int] = []
    bad: list[int] = []
    for number, line in enumerate(block.decode("utf-8").split("\n")[:-1], start=first_line):
        cells = line.split("\t")
        if len(cells) == len(names):
            good.append(cells)
            good_lines.append(number)
        else:
            bad.append(number)
    if bad:
        found.add("TAB_COUNT", bad)
    frame = pl.DataFrame(good, schema=dict.fromkeys(names, pl.String), orient="row")
    return frame.with_columns(pl.Series(LINE, good_lines, dtype=pl.Int64))
