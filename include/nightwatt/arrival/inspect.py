"""What a file is, in one streaming pass: whole or damaged, how big, how many lines, which line ends.

Belongs here: the verdict on the bytes of one file, within limits that hold while it unpacks. Does not
belong here: unpacking (`unpack.py`), counting (`scan.py`), or what the lines mean (intake).
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from nightwatt.arrival.scan import LineEnds, LineScan, LineTooLong
from nightwatt.arrival.unpack import unpack
from nightwatt.errors import TerminalError, TransientError
from nightwatt.settings import Settings

_BOMS = {  # longest first: the UTF-32 mark begins with the UTF-16 one
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
}
_HEAD = 4096
_NO_BOMB_BELOW = 64 << 20  # a small file of nothing but zeros unpacks a thousandfold and harms nobody


@dataclass(frozen=True)
class Limits:
    """What a file may grow to; all three hold while it unpacks, not afterwards."""

    max_unpacked_bytes: int
    max_expansion: int
    max_line_bytes: int

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Return the limits of a home."""
        return cls(settings.max_uncompressed_gb * 10**9, settings.max_expansion, settings.max_line_bytes)


@dataclass(frozen=True)
class Inspection:
    """What a readable file is. Sizes in bytes; `sha256` is of the file as received."""

    size_bytes: int
    sha256: str
    unpacked_bytes: int
    line_count: int
    ends_with_newline: bool
    line_ends: LineEnds
    has_nul: bool
    bom: str | None
    last_line: bytes | None = field(repr=False, default=None)  # source text: never logged


@dataclass(frozen=True)
class Examination:
    """Size and hash of any file, with either what it is or what is wrong with it."""

    size_bytes: int
    sha256: str
    found: Inspection | None
    fault: TerminalError | None


def inspect(path: Path, compression: str, limits: Limits, encoding: str = "utf-8") -> Inspection:
    """Read a file through once and say what it is.

    Args:
        path: the file; it must not change meanwhile (look at a private copy).
        compression: plain, gz, zst or zip.
        limits: what it may grow to.
        encoding: the contract's; matters for encodings whose line ends are not the bytes of ASCII.

    Raises:
        TerminalError: `file.empty`, `file.bomb`, `file.line_too_long`, `file.encoding`, and all of `unpack`.
        TransientError: `file.unreadable` where the disk is at fault.
    """
    examination = examine(path, compression, limits, encoding)
    if examination.found is None:
        assert examination.fault is not None  # noqa: S101  (one of the two is there)
        raise examination.fault
    return examination.found


def examine(
    path: Path, compression: str, limits: Limits, encoding: str = "utf-8", *, may_be_empty: bool = False
) -> Examination:
    """Inspect a file, giving size and hash even of one that cannot be read.

    `may_be_empty` is for files that have no header, and of which something else says that they are finished.

    The hash is taken in a thread beside the unpacking, which both release the interpreter's lock.
    """
    with ThreadPoolExecutor(1) as beside:
        hashing = beside.submit(hash_of, path)
        try:
            counts: _Counts | TerminalError = _read_through(path, compression, limits, encoding, may_be_empty)
        except TerminalError as e:
            counts = e
        size, sha256 = hashing.result()
    if isinstance(counts, TerminalError):
        return Examination(size, sha256, None, counts)
    return Examination(size, sha256, counts.inspection(size, sha256), None)


def hash_of(path: Path) -> tuple[int, str]:
    """Return size and SHA-256 of a file.

    Raises:
        TransientError: `file.unreadable`, where the disk is at fault.
    """
    try:
        with path.open("rb", buffering=0) as file:
            digest = hashlib.file_digest(file, "sha256")
            return file.tell(), digest.hexdigest()
    except OSError as e:
        raise TransientError(
            "file.unreadable", f"reading {path.name} failed: {e.strerror or e}", "look at the disk; then try again"
        ) from e


@dataclass
class _Counts:
    scan: LineScan
    head: bytes = b""
    unpacked: int = 0

    def inspection(self, size: int, sha256: str) -> Inspection:
        scan = self.scan
        return Inspection(
            size_bytes=size,
            sha256=sha256,
            unpacked_bytes=self.unpacked,
            line_count=scan.line_count,
            ends_with_newline=scan.ends_with_newline,
            line_ends=scan.line_ends,
            has_nul=scan.has_nul,
            bom=_bom(self.head),
            last_line=scan.last_line,
        )


def _read_through(path: Path, compression: str, limits: Limits, encoding: str, may_be_empty: bool) -> _Counts:
    size = path.stat().st_size
    counts = _Counts(LineScan(limits.max_line_bytes))
    if size == 0:
        if may_be_empty and compression == "plain":
            return counts
        raise _empty("has no bytes")
    chunks = _within(unpack(path, compression), size, limits, counts)
    if is_recoded(encoding):
        chunks = _as_utf8(chunks, encoding)
    try:
        for chunk in chunks:
            counts.scan.feed(chunk)
    except LineTooLong as e:
        raise TerminalError(
            "file.line_too_long",
            f"line {e.line} is longer than {limits.max_line_bytes:,} bytes",
            "ask the sender for a file with line ends; raise NIGHTWATT_MAX_LINE_BYTES if such lines are agreed",
        ) from None
    if may_be_empty and not counts.unpacked:
        return counts
    if counts.unpacked <= len(_BOMS.get(_bom(counts.head) or "", b"")):
        raise _empty("unpacks to nothing" if compression != "plain" else "holds only a byte order mark")
    _check_encoding(counts.head, encoding)
    return counts


def _empty(how: str) -> TerminalError:
    return TerminalError(
        "file.empty",
        f"the file {how}, not even a header",
        "ask the sender for the file again; a night without rows still has a header",
    )


def _within(chunks: Iterator[bytes], size: int, limits: Limits, counts: _Counts) -> Iterator[bytes]:
    """Pass chunks on, counting them, until a limit is passed."""
    for chunk in chunks:
        counts.unpacked += len(chunk)
        if len(counts.head) < _HEAD:
            counts.head += chunk[: _HEAD - len(counts.head)]
        check_unpacked(counts.unpacked, size, limits)
        yield chunk


def check_unpacked(unpacked: int, size: int, limits: Limits) -> None:
    """Refuse a file of so many bytes that unpacks, or has unpacked so far, to more than the limits allow.

    Raises:
        TerminalError: `file.bomb`.
    """
    if unpacked > limits.max_unpacked_bytes:
        raise _bomb(f"unpacks to more than {limits.max_unpacked_bytes:,} bytes", "NIGHTWATT_MAX_UNCOMPRESSED_GB")
    if unpacked > max(size * limits.max_expansion, _NO_BOMB_BELOW):
        raise _bomb(
            f"of {size:,} bytes unpacks to more than {limits.max_expansion} times its size",
            "NIGHTWATT_MAX_EXPANSION",
        )


def _bomb(how: str, setting: str) -> TerminalError:
    return TerminalError(
        "file.bomb",
        f"the file {how}; unpacking was stopped there",
        f"look at the archived file; if it is good, raise {setting} and have it sent or loaded again",
    )


def is_recoded(encoding: str) -> bool:
    """Return whether lines are counted in UTF-8, because the encoding's line ends are not the bytes of ASCII."""
    return codecs.lookup(encoding).name != "utf-8-sig" and "\r\n0".encode(encoding) != b"\r\n0"


def _as_utf8(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    try:
        for chunk in chunks:
            yield decoder.decode(chunk).encode("utf-8", "replace")
        yield decoder.decode(b"", final=True).encode("utf-8", "replace")
    except UnicodeError as e:  # wide text without its mark, where the encoding's name does not say the order
        raise TerminalError(
            "file.encoding",
            f"the file has no byte order mark, the contract says {encoding}",
            f"ask the sender for the mark, or name the order in `format.encoding`, such as {encoding}-le",
        ) from e


def _bom(head: bytes) -> str | None:
    return next((name for name, mark in _BOMS.items() if head.startswith(mark)), None)


def _check_encoding(head: bytes, encoding: str) -> None:
    """Refuse wide text where the contract says narrow, and the reverse: no line of it could be read."""
    wide = codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))
    seen = _looks_like(head)
    if wide == (seen is not None) or (wide and len(head) < 4):
        return
    raise TerminalError(
        "file.encoding",
        f"the file looks like {seen or 'text of one byte a character'}, the contract says {encoding}",
        "ask the sender for the agreed encoding, or correct `format.encoding` of the feed",
    )


def _looks_like(head: bytes) -> str | None:
    """Return the wide encoding a file seems to have: by its mark, or by NULs at every other place."""
    bom = _bom(head)
    if bom and bom != "utf-8":
        return bom
    even, odd = head[::2].count(0), head[1::2].count(0)
    places = len(head) // 2
    if places >= 2 and odd * 10 >= places * 8:
        return "utf-16-le"
    if places >= 2 and even * 10 >= places * 8:
        return "utf-16-be"
    return None
