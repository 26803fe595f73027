"""Unpacking a file in bounded chunks, with every checksum and length the format carries really checked.

Belongs here: one reader per compression of the contract grammar. Does not belong here: limits against
bombs and what the bytes say (`inspect.py` counts what comes out of here, while it comes).
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

import pyarrow as pa
from isal import igzip_lib

from nightwatt.errors import TerminalError, TransientError

CHUNK = 1 << 20
_PACKED = 1 << 16

_MAGIC = {"gz": b"\x1f\x8b", "zst": b"\x28\xb5\x2f\xfd", "zip": b"PK\x03\x04"}
_EMPTY_ZIP = b"PK\x05\x06"
_NAMES = {"gz": "gzip", "zst": "Zstandard", "zip": "zip", "plain": "plain text"}

_GZIP_ERROR = cast("type[Exception]", igzip_lib.IsalError)  # the stubs declare an instance

_RESEND = "ask the sender to send the file again"


def unpack(path: Path, compression: str) -> Iterator[bytes]:
    """Yield the unpacked bytes of a file in chunks of at most 1 MiB.

    Raises:
        TerminalError: `file.truncated`, `file.corrupt`, `file.compression`, `file.zip_members`,
            `file.zip_encrypted`, `file.zip_path`; possibly only after all bytes have been yielded.
        TransientError: `file.unreadable` where the disk, not the file, is at fault.
    """
    _check_magic(path, compression)
    try:
        yield from _READERS[compression](path)
    except OSError as e:
        raise TransientError(
            "file.unreadable", f"reading {path.name} failed: {e.strerror or e}", "look at the disk; then try again"
        ) from e


def truncated(detail: str) -> TerminalError:
    """Return the error of a file that ends too early."""
    return TerminalError("file.truncated", f"the file ends early: {detail}", f"{_RESEND}; the upload was cut off")


def corrupt(detail: str) -> TerminalError:
    """Return the error of a file whose bytes are damaged."""
    return TerminalError("file.corrupt", f"the file is damaged: {detail}", f"{_RESEND}; in binary mode")


def _check_magic(path: Path, compression: str) -> None:
    with path.open("rb") as file:
        head = file.read(4)
    found = next((kind for kind, magic in _MAGIC.items() if head.startswith(magic)), "plain")
    found = "zip" if head == _EMPTY_ZIP else found
    wanted = _MAGIC.get(compression, b"")
    if found == compression or (compression != "plain" and wanted.startswith(head)):  # or too short to tell
        return
    if compression == "zst" and _is_skippable_frame(head):
        return
    shown = _NAMES[found] if found != "plain" else f"no {_NAMES[compression]} data"
    raise TerminalError(
        "file.compression",
        f"the contract says {_NAMES[compression]}, the file holds {shown}",
        "correct `format.compression` of the feed, or ask the sender for the agreed form",
    )


def _is_skippable_frame(head: bytes) -> bool:
    return len(head) == 4 and 0x50 <= head[0] <= 0x5F and head[1:] == b"\x2a\x4d\x18"


def _plain(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _gzip(path: Path) -> Iterator[bytes]:
    """Read every member; zeros after the last are padding (tapes, mainframes), anything else is damage."""
    with path.open("rb", buffering=0) as file:
        data = file.read(_PACKED)
        while data:
            data = yield from _gzip_member(file, data)
            data = data.lstrip(b"\0")
            while not data and (more := file.read(_PACKED)):
                data = more.lstrip(b"\0")
            if data and not data.startswith(_MAGIC["gz"][: len(data)]):
                raise corrupt("other bytes follow the end of the gzip data")


def _gzip_member(file: BinaryIO, data: bytes) -> Generator[bytes, None, bytes]:
    """Yield what one member unpacks to and return the bytes already read that follow it."""
    member = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)  # checks CRC and length of the trailer
    while True:
        try:
            out = member.decompress(data, CHUNK)
        except _GZIP_ERROR as e:
            raise corrupt(_gzip_words(str(e))) from e
        if out:
            yield out
        if member.eof:
            return bytes(member.unused_data)
        data = b""
        if member.needs_input and not (data := file.read(_PACKED)):
            raise truncated("the gzip data stops before its end mark")


def _gzip_words(error: str) -> str:
    if "checksum" in error:
        return "the checksum or length in the gzip trailer does not match the content"
    return "the gzip data cannot be unpacked"


def _zstd(path: Path) -> Iterator[bytes]:
    # Arrow's reader and not python-zstandard's: that one ends without a word when a file is cut off.
    with pa.OSFile(str(path)) as file, pa.CompressedInputStream(file, "zstd") as stream:
        while True:
            try:
                chunk = stream.read(CHUNK)
            except OSError as e:
                if e.errno:
                    raise
                if "Truncated" in str(e):
                    raise truncated("the Zstandard data stops before its end mark") from e
                raise corrupt("the Zstandard data cannot be unpacked, or its checksum does not match") from e
            if not chunk:
                return
            yield chunk


def _zip(path: Path) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_only_member(archive)) as member:
            while chunk := member.read(CHUNK):
                yield chunk
    except zipfile.BadZipFile as e:
        if "not a zip file" in str(e):  # the directory at its end is missing
            raise truncated("the directory at the end of the zip archive is missing") from e
        raise corrupt("the zip archive is inconsistent or its checksum does not match the content") from e
    except EOFError as e:
        raise truncated("the zip data stops before its end") from e
    except (zlib.error, NotImplementedError, ValueError) as e:
        raise corrupt("the zip data cannot be unpacked") from e


def _only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = archive.infolist()
    if len(members) != 1 or members[0].is_dir():
        raise TerminalError(
            "file.zip_members",
            f"the zip archive has {len(members)} entries; exactly one file is agreed",
            "ask the sender for one file in each archive, without folders",
        )
    (member,) = members
    inner = PurePosixPath(member.filename.replace("\\", "/"))
    if inner.is_absolute() or ".." in inner.parts:
        raise TerminalError(
            "file.zip_path",
            "the file in the zip archive has a path that climbs out of the archive",
            "nothing was unpacked; ask the sender how this archive was made",
        )
    if member.flag_bits & 0x1:
        raise TerminalError(
            "file.zip_encrypted",
            "the file in the zip archive is encrypted",
            "ask the sender for an archive without a password; the transport is already encrypted",
        )
    return member


_READERS: dict[str, Callable[[Path], Iterator[bytes]]] = {"plain": _plain, "gz": _gzip, "zst": _zstd, "zip": _zip}
