"""What a Parquet file is, in one pass: whole or damaged, how many rows, how big when unpacked.

Belongs here: the verdict on its bytes, within the limits that hold for every file. Does not belong here: files of lines
(`inspect.py`), or what the columns mean (intake).
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from nightwatt.arrival.inspect import Examination, Inspection, Limits, check_unpacked, hash_of
from nightwatt.arrival.unpack import corrupt, truncated
from nightwatt.errors import TerminalError

_MARK = b"PAR1"  # stands at both ends


def examine_parquet(path: Path, limits: Limits) -> Examination:
    """Read a Parquet file through, page by page, giving size and hash even of one that cannot be read."""
    size, sha256 = hash_of(path)
    try:
        rows, unpacked = _read_through(path, size, limits)
    except TerminalError as e:
        return Examination(size, sha256, None, e)
    found = Inspection(
        size_bytes=size,
        sha256=sha256,
        unpacked_bytes=unpacked,
        line_count=rows,
        ends_with_newline=True,
        line_ends="none",
        has_nul=False,
        bom=None,
    )
    return Examination(size, sha256, found, None)


def _read_through(path: Path, size: int, limits: Limits) -> tuple[int, int]:
    """Return how many rows it has and how many bytes they are; its pages' checksums are verified where it has them."""
    _check_ends(path, size)
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            found = file.metadata
            unpacked = sum(found.row_group(n).total_byte_size for n in range(found.num_row_groups))
            check_unpacked(unpacked, size, limits)
            rows = sum(batch.num_rows for batch in file.iter_batches())
            if rows != found.num_rows:
                raise corrupt(f"it says {found.num_rows:,} rows and has {rows:,}")
    except (pa.ArrowException, OSError) as e:
        raise corrupt("its directory or a page cannot be read, or a checksum does not match") from e
    return rows, unpacked


def _check_ends(path: Path, size: int) -> None:
    if size == 0:
        raise TerminalError(
            "file.empty", "the file has no bytes", "ask the sender again; a night without rows still has a file"
        )
    with path.open("rb") as file:
        head = file.read(len(_MARK))
        file.seek(max(0, size - len(_MARK)))
        tail = file.read(len(_MARK))
    if head != _MARK[: len(head)]:
        raise TerminalError(
            "file.compression",
            "the contract says Parquet, the file holds something else",
            "correct `format` of the feed, or ask the sender for the agreed form",
        )
    if tail != _MARK or size < 3 * len(_MARK):
        raise truncated("the directory at the end of the Parquet file is missing")
