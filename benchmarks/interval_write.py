"""How fast the Opower interval file is written, against packing the same bytes and against polars, in the same run.

Run ``python -m benchmarks.interval_write --help``. The reads are made up: quarter hours of one day, as the reads store
has them (Parquet, sorted by service point and start). Three things are measured:

- **ours**: `write_interval_files` from the reads to one finished, durable gzip file with one header;
- **floor**: packing the very same text with the same library and level, and nothing else. No writer of these bytes can
  be faster on one core;
- **peer**: a polars query (`scan_parquet`, clock of the zone, text, sort, `sink_csv` as gzip at its fastest level) that
  writes the same text. It has it easier: every amount has three decimals, one zone, nothing is checked or counted.

Ours and the peer run in processes of their own, so that their peak memory is their own. That all three hold the same
text, with one header, is checked by hash before any number is printed. The floor is taken before and after, the better
of the two.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import multiprocessing
import tempfile
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
from isal import igzip, isal_zlib

from benchmarks.checker import QUARTERS, peak_mb
from nightwatt import duck
from nightwatt.contracts.delivery import OpowerIntervalDelivery
from nightwatt.delivery.opower.interval_writer import Selection, write_interval_files
from nightwatt.delivery.opower.profile import load_profile
from nightwatt.delivery.phases import Window

ZONE = "America/New_York"
STAMP = datetime(2026, 3, 11, 6, tzinfo=UTC)
PROFILE = "opower/interval_v2-0-5"
_BLOCK = 1 << 20
_READS = f"""
    select 'SP' || lpad(point::varchar, 9, '0') as service_point_id, 'consumed' as channel,
        timestamp '2026-03-10 04:00' + n * interval 15 minute as interval_start_at, 15::smallint as interval_min,
        ((1 + hash(point, n) % 4000) / 1000)::decimal(18, 8) as value, 'kWh' as unit,
        if(hash(point, n, 1) % 100 = 0, 'estimated', 'actual') as quality, null::varchar as meter_id,
        null::timestamp as last_updated_at, date '2026-03-10' as read_date, '{ZONE}' as zone,
        'electricity' as commodity, 1::integer as receipt_id, 1::bigint as load_sequence
    from range(?) as p(point), range({QUARTERS}) as t(n)
    order by point, n
"""


@dataclass(frozen=True)
class Measured:
    """One size.

    Attributes:
        rows: rows of the file, without its header.
        text_mb: size of its text, in MB (10**6 bytes).
        packed_mb: size of our file.
        seconds: wall seconds of our writer, from reads to a durable file.
        rows_per_second: rows by seconds.
        text_mb_per_second: text_mb by seconds.
        peak_rss_mb: peak resident memory of our process.
        floor_seconds: wall seconds of packing the same text.
        floor_text_mb_per_second: text_mb by floor_seconds.
        ratio_to_floor: seconds by floor_seconds.
        polars_seconds: wall seconds of the peer.
        polars_rows_per_second: rows by polars_seconds.
        polars_text_mb_per_second: text_mb by polars_seconds.
        polars_packed_mb: size of its file.
        polars_peak_rss_mb: peak resident memory of its process.
        ratio_to_polars: seconds by polars_seconds; below 1 we are faster.
    """

    rows: int
    text_mb: float
    packed_mb: float
    seconds: float
    rows_per_second: int
    text_mb_per_second: float
    peak_rss_mb: int
    floor_seconds: float
    floor_text_mb_per_second: float
    ratio_to_floor: float
    polars_seconds: float
    polars_rows_per_second: int
    polars_text_mb_per_second: float
    polars_packed_mb: float
    polars_peak_rss_mb: int
    ratio_to_polars: float


def make_reads(folder: Path, rows: int) -> Path:
    """Write this many reads, rounded up to whole service points, as the store keeps them."""
    path = folder / "reads.parquet"
    with duckdb.connect() as con:
        con.execute("set enable_progress_bar = false")
        con.execute("set preserve_insertion_order = true")
        con.execute(f"copy ({_READS}) to {duck.text(path)} (format parquet, compression zstd)", [-(-rows // QUARTERS)])
    return path


def write_ours(reads: Path, folder: Path) -> tuple[float, int, str]:
    """Write the file as a delivery does; return wall seconds, peak memory and its path."""
    delivery = OpowerIntervalDelivery.model_validate(
        {
            "delivery": "bench", "kind": "opower_interval", "title": "", "partner": "opower", "owner": "",
            "profile": PROFILE, "utility_code": "gec", "commodity": "electricity", "length_min": 15,
            "destination": {"connection": "opower"}, "deadline": "08:00", "max_file_mb": 1 << 20,
        }
    )  # fmt: skip
    selection = Selection("electricity", 15, Window(None, 1, None, None, None, None))
    start = time.perf_counter()
    with duck.private_engine("2GB") as con:
        con.execute(f"create view fct_interval_reads as from read_parquet({duck.text(reads)})")
        written = write_interval_files(con, delivery, load_profile(PROFILE), selection, folder, STAMP)
    seconds = time.perf_counter() - start
    (file,) = written.files
    return seconds, peak_mb(), str(file.path)


def write_with_polars(reads: Path, path: Path) -> tuple[float, int, str]:
    """Write the same text with polars; return wall seconds, peak memory and its path."""
    start = time.perf_counter()
    end = (pl.col("interval_start_at") + pl.duration(minutes=15)).dt.replace_time_zone("UTC").dt.convert_time_zone(ZONE)
    frame = (
        pl.scan_parquet(reads)
        .filter(
            (pl.col("commodity") == "electricity") & (pl.col("interval_min") == 15) & (pl.col("load_sequence") <= 1)
        )
        .sort("service_point_id", "interval_start_at", "channel")
        .select(
            "service_point_id",
            usage_value=pl.col("value").cast(pl.Decimal(18, 3)).cast(pl.String),
            date=end.dt.strftime("%Y%m%d"),
            time=end.dt.strftime("%H%M"),
            units=pl.col("unit").replace_strict({"kWh": "KWH"}, return_dtype=pl.String),
            is_estimate=pl.col("quality").replace_strict({"actual": "A", "estimated": "E"}, return_dtype=pl.String),
            UTC_offset=end.dt.strftime("%z"),
            service_type=pl.lit("ELECTRIC"),
            service_quantity_identifier=pl.col("channel").str.to_uppercase(),
        )
    )
    frame.sink_csv(path, separator="\t", quote_style="never", compression="gzip", compression_level=1)
    return time.perf_counter() - start, peak_mb(), str(path)


def unpack(path: Path, plain: Path) -> tuple[int, str]:
    """Unpack a file; return its lines and the hash of its text."""
    digest, lines = hashlib.sha256(), 0
    with igzip.open(path, "rb") as source, plain.open("wb") as target:
        while block := source.read(_BLOCK):
            digest.update(block)
            lines += block.count(b"\n")
            target.write(block)
    return lines, digest.hexdigest()


def pack_only(plain: Path, target: Path, level: int) -> float:
    """Return wall seconds of packing a text that is there, with the writer's library and level."""
    start = time.perf_counter()
    deflate = isal_zlib.compressobj(level, isal_zlib.DEFLATED, 31)
    with plain.open("rb") as source, target.open("wb") as file:
        while block := source.read(_BLOCK):
            file.write(deflate.compress(block))
        file.write(deflate.flush())
    return time.perf_counter() - start


def measure(folder: Path, rows: int) -> Measured:
    """Write the file in both ways, check that they agree, and set the times against the floor."""
    reads, plain, floor_file = make_reads(folder, rows), folder / "plain.txt", folder / "floor.gz"
    level, header = load_profile(PROFILE).compression.level, load_profile(PROFILE).header_line
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        seconds, peak, ours = pool.apply(write_ours, (reads, folder))
        polars_seconds, polars_peak, theirs = pool.apply(write_with_polars, (reads, folder / "polars.tsv.gz"))
    told = unpack(Path(theirs), plain)
    polars_packed = Path(theirs).stat().st_size
    Path(theirs).unlink()
    lines, digest = unpack(Path(ours), plain)
    assert told == (lines, digest), "polars wrote other text than we"
    with gzip.open(ours, "rt", encoding="utf-8") as file:
        assert file.readline() == header + "\n"
    best = min(pack_only(plain, floor_file, level) for _ in range(2))
    assert unpack(floor_file, folder / "again.txt") == (lines, digest)
    rows_written, text_mb = lines - 1, plain.stat().st_size / 1e6
    return Measured(
        rows=rows_written,
        text_mb=round(text_mb, 1),
        packed_mb=round(Path(ours).stat().st_size / 1e6, 1),
        seconds=round(seconds, 2),
        rows_per_second=round(rows_written / seconds),
        text_mb_per_second=round(text_mb / seconds, 1),
        peak_rss_mb=peak,
        floor_seconds=round(best, 2),
        floor_text_mb_per_second=round(text_mb / best, 1),
        ratio_to_floor=round(seconds / best, 2),
        polars_seconds=round(polars_seconds, 2),
        polars_rows_per_second=round(rows_written / polars_seconds),
        polars_text_mb_per_second=round(text_mb / polars_seconds, 1),
        polars_packed_mb=round(polars_packed / 1e6, 1),
        polars_peak_rss_mb=polars_peak,
        ratio_to_polars=round(seconds / polars_seconds, 2),
    )


def main() -> None:
    """Make reads, write them, print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the file (24000000: full)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nightwatt-bench-") as folder:
        print(json.dumps(asdict(measure(Path(folder), options.rows))), flush=True)


if __name__ == "__main__":
    main()
