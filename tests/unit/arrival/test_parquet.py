"""Parquet files are judged like others when they arrive: whole, cut off, damaged, too big, or something else."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.arrival import NIGHT, Home, make_feed

from nightwatt.arrival.inspect import Limits
from nightwatt.arrival.parquet import examine_parquet
from nightwatt.contracts.feed import Feed

LIMITS = Limits(10**9, 200, 10**6)
NAME = "reads_20260309_001.parquet"


def make_parquet_feed() -> Feed:
    feed = make_feed(arrival={"pattern": "reads_{business_date:%Y%m%d}_{part}.parquet"})
    return Feed.model_validate(feed.model_dump(mode="json") | {"format": {"kind": "parquet"}})


def written(path: Path, rows: int = 1000) -> bytes:
    table = pa.table({"SP_ID": [f"SP{n}" for n in range(rows)], "READ": ["7"] * rows})
    pq.write_table(table, path, write_page_checksum=True, compression="zstd")
    return path.read_bytes()


def test_a_whole_file_is_received_with_its_rows(home: Home, tmp_path: Path) -> None:
    home.drop(NAME, written(tmp_path / "whole"))
    home.drop(f"{NAME}.done")
    (receipt,) = home.arrive(make_parquet_feed()).new

    assert (receipt.business_date, receipt.line_count, receipt.state, receipt.needs_cleaning) == (
        NIGHT, 1000, "landed", False,
    )  # fmt: skip
    assert receipt.unpacked_bytes > 1000


def test_rows_are_held_against_the_manifest(home: Home, tmp_path: Path) -> None:
    feed = make_parquet_feed()
    rule = {"rule": "manifest", "pattern": "reads_{business_date:%Y%m%d}.json"}
    arrival = feed.arrival.model_dump(mode="json") | {"wholeness": rule}
    feed = Feed.model_validate(feed.model_dump(mode="json") | {"arrival": arrival})
    path = home.drop(NAME, written(tmp_path / "whole"))
    home.manifest(path, rows=999, sha256=None)
    assert home.arrive(feed).waiting == [(NAME, "it has 1,000 rows, the manifest says 999")]
    home.manifest(path, rows=1000)
    (receipt,) = home.arrive(feed).new

    assert (receipt.line_count, receipt.control_rows) == (1000, 1000)


@pytest.mark.parametrize(
    ("harm", "code"),  # the last eight bytes are the length of the directory before them, and the mark
    [
        (lambda b: b"", "file.empty"),
        (lambda b: b[: len(b) // 2], "file.truncated"),
        (lambda b: b[:4], "file.truncated"),
        (lambda b: b"SP_ID,READ\n1,2\n", "file.compression"),
        (lambda b: b[:40] + bytes([b[40] ^ 0xFF]) + b[41:], "file.corrupt"),
        (lambda b: b.replace(b[-8 - int.from_bytes(b[-8:-4], "little") :], b"\xff" * 60 + b[-8:]), "file.corrupt"),
    ],
    ids=["empty", "cut off", "only its mark", "text", "a page damaged", "its directory damaged"],
)
def test_what_is_wrong_with_a_file_is_named(tmp_path: Path, harm: object, code: str) -> None:
    assert callable(harm)
    path = tmp_path / "file"
    path.write_bytes(harm(written(tmp_path / "whole")))
    examined = examine_parquet(path, LIMITS)

    assert examined.found is None
    assert examined.fault is not None
    assert (examined.fault.code, examined.size_bytes, len(examined.sha256)) == (code, path.stat().st_size, 64)


def test_a_file_that_would_unpack_to_too_much_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "file"
    written(path, 100_000)
    examined = examine_parquet(path, Limits(1000, 200, 10**6))

    assert examined.fault is not None
    assert examined.fault.code == "file.bomb"
