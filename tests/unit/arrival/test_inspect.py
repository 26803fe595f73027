"""What one pass over a file finds: counts that agree with the standard library, damage, and limits."""

from __future__ import annotations

import gzip
import hashlib
import io
import itertools
import struct
import zipfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from nightwatt.arrival import Limits, inspect
from nightwatt.arrival.inspect import examine
from nightwatt.arrival.scan import LineScan, LineTooLong
from nightwatt.errors import TerminalError

LIMITS = Limits(max_unpacked_bytes=10**9, max_expansion=200, max_line_bytes=1_000_000)
TEXT = b"SP_ID,READ\n" + b"".join(b"SP%05d,%d\n" % (n, n) for n in range(5000))

pieces = st.lists(
    st.sampled_from([b"a", b"bc,1", b"\n", b"\r\n", b"\r", b"ab\0cdefg", b"\n\n", b"\xc3\xa9", b"x" * 50])
)


def write(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "file"
    path.write_bytes(content)
    return path


def zipped(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


def fault(path: Path, compression: str, limits: Limits = LIMITS, encoding: str = "utf-8") -> TerminalError:
    with pytest.raises(TerminalError) as caught:
        inspect(path, compression, limits, encoding)
    assert caught.value.remedy
    return caught.value


def expected_ends(text: bytes) -> str:
    crlf = text.count(b"\r\n")
    lf, cr = text.count(b"\n") - crlf, text.count(b"\r") - crlf
    kinds = [kind for kind, count in (("lf", lf), ("crlf", crlf), ("cr", cr)) if count]
    return "mixed" if len(kinds) > 1 else kinds[0] if kinds else "none"


@given(members=st.lists(pieces.map(b"".join), min_size=1, max_size=4), padding=st.integers(0, 40))
def test_gzip_counts_agree_with_the_standard_library(
    tmp_path_factory: pytest.TempPathFactory, members: list[bytes], padding: int
) -> None:
    packed = b"".join(gzip.compress(m) for m in members) + b"\0" * padding
    text = gzip.decompress(packed)
    path = write(tmp_path_factory.mktemp("gz"), packed)
    if not text:
        assert fault(path, "gz").code == "file.empty"
        return
    found = inspect(path, "gz", LIMITS)
    assert found.unpacked_bytes == len(text)
    assert found.line_count == len(text.splitlines())
    assert found.ends_with_newline == text.endswith((b"\n", b"\r"))
    assert found.line_ends == expected_ends(text)
    assert found.has_nul == (b"\0" in text)
    assert (found.size_bytes, found.sha256) == (len(packed), hashlib.sha256(packed).hexdigest())


@given(text=pieces.map(b"".join), cuts=st.lists(st.integers(0, 200), max_size=8), limit=st.integers(1, 60))
def test_lines_are_counted_and_measured_however_the_bytes_are_cut(text: bytes, cuts: list[int], limit: int) -> None:
    lines = text.splitlines()
    places = sorted({0, *(c for c in cuts if c < len(text)), len(text)})
    scan = LineScan(limit)
    too_long = next((n for n, line in enumerate(lines, 1) if len(line) > limit), None)
    try:
        for start, stop in itertools.pairwise(places):
            scan.feed(text[start:stop])
    except LineTooLong as e:
        assert e.line == too_long
    else:
        assert too_long is None
        assert (scan.line_count, scan.line_ends) == (len(lines), expected_ends(text))
        last = text.rstrip(b"\r\n").splitlines()
        assert scan.last_line == (last[-1] if last else b"")


@pytest.mark.parametrize(
    ("compression", "packed"),
    [
        ("plain", TEXT),
        ("gz", gzip.compress(TEXT)),
        ("gz", gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:])),
        ("zst", zstandard.ZstdCompressor(write_checksum=True).compress(TEXT)),
        ("zst", zstandard.compress(TEXT[:100]) + zstandard.compress(TEXT[100:])),
        ("zip", zipped(("reads.csv", TEXT))),
    ],
)
def test_every_compression_unpacks_to_the_same_facts(tmp_path: Path, compression: str, packed: bytes) -> None:
    found = inspect(write(tmp_path, packed), compression, LIMITS)
    assert (found.unpacked_bytes, found.line_count, found.line_ends) == (len(TEXT), 5001, "lf")
    assert (found.size_bytes, found.sha256) == (len(packed), hashlib.sha256(packed).hexdigest())
    assert found.last_line == b"SP04999,4999"
    assert "SP04999" not in repr(found)  # no source text in logs


GZ, ZST, ZIP = (
    gzip.compress(TEXT, mtime=0),
    zstandard.ZstdCompressor(write_checksum=True).compress(TEXT),
    zipped(("a", TEXT)),
)


def flip(content: bytes, at: int) -> bytes:
    place = at % len(content)
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


DAMAGE = {
    "gzip cut off in the data": ("gz", GZ[: len(GZ) // 2], "file.truncated", "stops before its end mark"),
    "gzip cut off in the trailer": ("gz", GZ[:-3], "file.truncated", "stops before its end mark"),
    "gzip cut off in the header": ("gz", GZ[:5], "file.truncated", "stops before its end mark"),
    "second gzip member cut off": ("gz", GZ + GZ[:7], "file.truncated", "stops before its end mark"),
    "gzip with a bad CRC": ("gz", flip(GZ, -8), "file.corrupt", "checksum or length in the gzip trailer"),
    "gzip with a bad length": ("gz", flip(GZ, -1), "file.corrupt", "checksum or length in the gzip trailer"),
    "gzip damaged inside": ("gz", GZ[:10] + b"\xff" * 20 + GZ[30:], "file.corrupt", "gzip data cannot be unpacked"),
    "gzip with something after it": ("gz", GZ + b"and more", "file.corrupt", "other bytes follow"),
    "gzip with something after padding": ("gz", GZ + b"\0" * 70_000 + b"x", "file.corrupt", "other bytes follow"),
    "zstd cut off": ("zst", ZST[:-6], "file.truncated", "Zstandard data stops"),
    "zstd with a bad checksum": ("zst", flip(ZST, -1), "file.corrupt", "checksum does not match"),
    "zstd with something after it": ("zst", ZST + b"and more", "file.corrupt", "Zstandard data cannot be unpacked"),
    "zip cut off": ("zip", ZIP[:-30], "file.truncated", "directory at the end of the zip archive is missing"),
    "zip with a bad checksum": (
        "zip",
        ZIP.replace(struct.pack("<I", zipfile.crc32(TEXT)), b"\1\2\3\4"),
        "file.corrupt",
        "checksum does not match",
    ),
    "zip with two files": ("zip", zipped(("a", b"1\n"), ("b", b"2\n")), "file.zip_members", "has 2 entries"),
    "zip with a folder": ("zip", zipped(("a/", b"")), "file.zip_members", "exactly one file"),
    "zip without files": ("zip", zipped(), "file.zip_members", "has 0 entries"),
    "zip whose file climbs out": ("zip", zipped(("../../etc/cron", TEXT)), "file.zip_path", "climbs out"),
    "zip whose file is absolute": ("zip", zipped(("/etc/cron", TEXT)), "file.zip_path", "climbs out"),
    "zip under a password": (
        "zip",
        ZIP.replace(b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\1\0"),
        "file.zip_encrypted",
        "is encrypted",
    ),
    "no gzip at all": ("gz", TEXT, "file.compression", "says gzip, the file holds no gzip data"),
    "zip instead of gzip": ("gz", ZIP, "file.compression", "says gzip, the file holds zip"),
    "gzip instead of plain": ("plain", GZ, "file.compression", "says plain text, the file holds gzip"),
    "nothing": ("gz", b"", "file.empty", "has no bytes"),
    "gzip of nothing": ("gz", gzip.compress(b""), "file.empty", "unpacks to nothing"),
    "only a byte order mark": ("plain", b"\xef\xbb\xbf", "file.empty", "byte order mark"),
    "UTF-16 with a mark": ("plain", TEXT.decode().encode("utf-16"), "file.encoding", "looks like utf-16-le"),
    "UTF-16 without a mark": ("plain", TEXT.decode().encode("utf-16-be"), "file.encoding", "looks like utf-16-be"),
    "a long line": ("plain", TEXT + b"x" * 1_000_001, "file.line_too_long", "line 5002 is longer than 1,000,000 bytes"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_is_named(tmp_path: Path, case: str) -> None:
    compression, content, code, words = DAMAGE[case]
    found = fault(write(tmp_path, content), compression)
    assert found.code == code
    assert words in found.message


@pytest.mark.parametrize("compression", ["gz", "zst", "zip"])
def test_a_bomb_is_stopped_while_it_unpacks(tmp_path: Path, compression: str) -> None:
    zeros = (b"\n" * 9999 + b"1") * 8_000  # 80 MB
    packed = {"gz": gzip.compress, "zst": zstandard.compress, "zip": lambda b: zipped(("a", b))}[compression](zeros)
    path = write(tmp_path, packed)
    by_ratio = fault(path, compression)
    assert by_ratio.code == "file.bomb"
    assert f"of {len(packed):,} bytes unpacks to more than 200 times its size" in by_ratio.message
    assert "NIGHTWATT_MAX_EXPANSION" in by_ratio.remedy
    by_size = fault(path, compression, Limits(6 * 10**7, 10**6, 10**6))
    assert by_size.code == "file.bomb"
    assert "unpacks to more than 60,000,000 bytes" in by_size.message
    assert "NIGHTWATT_MAX_UNCOMPRESSED_GB" in by_size.remedy


def test_a_small_file_of_one_repeated_line_is_no_bomb(tmp_path: Path) -> None:
    packed = gzip.compress(b"1\n" * 1_000_000)
    assert len(packed) * 200 < 2_000_000
    assert inspect(write(tmp_path, packed), "gz", LIMITS).line_count == 1_000_000


def test_a_line_of_a_gigabyte_is_refused_at_its_first_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file:
        file.write(b"SP_ID,READ\n")
        file.truncate(10**9)  # sparse: one line of zeros
    found = fault(path, "plain")
    assert (found.code, found.message) == ("file.line_too_long", "line 2 is longer than 1,000,000 bytes")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "cp037"])
def test_lines_of_wide_and_mainframe_text_are_counted_as_text(tmp_path: Path, encoding: str) -> None:
    text = "SP_ID,READ\r\nSPĊ1,1\r\nSP2,2" if encoding != "cp037" else "SP_ID,READ\r\nSP1,1\r\nSP2,2"
    found = inspect(write(tmp_path, text.encode(encoding)), "plain", LIMITS, encoding)
    assert (found.line_count, found.line_ends, found.has_nul) == (3, "crlf", False)
    assert found.last_line == b"SP2,2"


def test_narrow_text_is_refused_where_the_contract_says_utf_16(tmp_path: Path) -> None:
    found = fault(write(tmp_path, TEXT), "plain", encoding="utf-16")
    assert found.code == "file.encoding"
    assert "no byte order mark, the contract says utf-16" in found.message


def test_narrow_text_is_refused_where_the_contract_says_utf_16_le(tmp_path: Path) -> None:
    found = fault(write(tmp_path, TEXT), "plain", encoding="utf-16-le")
    assert found.code == "file.encoding"
    assert "one byte a character, the contract says utf-16-le" in found.message


def test_the_mark_of_utf_8_is_no_fault(tmp_path: Path) -> None:
    assert inspect(write(tmp_path, b"\xef\xbb\xbf" + TEXT), "plain", LIMITS).bom == "utf-8"


@pytest.mark.parametrize(("compression", "content"), [("plain", b""), ("gz", gzip.compress(b"", mtime=0))])
def test_a_file_without_a_header_may_be_empty_where_the_sender_says_it_is_finished(
    tmp_path: Path, compression: str, content: bytes
) -> None:
    path = write(tmp_path, content)
    found = examine(path, compression, LIMITS, may_be_empty=True).found
    assert found is not None
    assert (found.line_count, found.unpacked_bytes) == (0, 0)
    refused = examine(path, compression, LIMITS).fault
    assert refused is not None
    assert refused.code == "file.empty"


def test_a_packed_file_without_a_byte_is_no_packed_file(tmp_path: Path) -> None:
    refused = examine(write(tmp_path, b""), "gz", LIMITS, may_be_empty=True).fault
    assert refused is not None
    assert refused.code == "file.empty"
