"""Read the simulator's files back with DuckDB, sharing no code with the simulator."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import duckdb
import polars as pl
import zstandard

_ELECTRIC = """
select
    sp as service_point_id,
    comp as channel,
    (strptime(local, '%Y-%m-%d %H:%M:%S') - zone::interval - interval 15 minute) as start_at,
    value::decimal(18, 8) as value,
    case code when '501000' then 'ACTUAL_VALIDATED' when '201000' then 'MISSING' else 'ESTIMATED' end as quality,
    strptime(updated, '%Y-%m-%d %H:%M:%S') as updated_at,
    device,
from read_csv(?, header = true, auto_detect = false, delim = ',', quote = '', escape = '', ignore_errors = true,
    columns = {'sp': 'VARCHAR', 'device': 'VARCHAR', 'comp': 'VARCHAR', 'local': 'VARCHAR', 'zone': 'VARCHAR',
               'value': 'VARCHAR', 'uom': 'VARCHAR', 'code': 'VARCHAR', 'updated': 'VARCHAR'})
where sp is not null
    and try_strptime(local, '%Y-%m-%d %H:%M:%S') is not null
    and code in ('501000', '301000', '401000', '201000')
    and (code = '201000') = (value is null)
    and coalesce(regexp_full_match(value, '[0-9]+[.][0-9]{3}'), true)
"""

_GAS = """
select
    sp as service_point_id,
    'G-CCF-60-DEL' as channel,
    strptime(start_utc, '%Y-%m-%dT%H:%M:%SZ') as start_at,
    value::decimal(18, 8) as value,
    case coalesce(flag, '') when 'A' then 'ACTUAL_VALIDATED' when '' then 'MISSING' else 'ESTIMATED' end as quality,
    strptime(updated, '%Y-%m-%dT%H:%M:%SZ') as updated_at,
    device,
from read_csv(?, header = true, auto_detect = false, delim = '|', quote = '', escape = '', ignore_errors = true,
    columns = {'sp': 'VARCHAR', 'device': 'VARCHAR', 'start_utc': 'VARCHAR', 'value': 'VARCHAR',
               'flag': 'VARCHAR', 'updated': 'VARCHAR'})
where sp is not null
    and try_strptime(start_utc, '%Y-%m-%dT%H:%M:%SZ') is not null
    and coalesce(flag, '') in ('A', 'E', 'S', '')
    and (coalesce(flag, '') = '') = (value is null)
    and coalesce(regexp_full_match(value, '[0-9]+[.][0-9]{4}'), true)
"""


def good_rows(folder: Path) -> pl.DataFrame:
    """Return every well-formed read line of all files in a folder, as they came."""
    electric = sorted(str(p) for p in folder.glob("mdm/*.csv.gz"))
    gas = sorted(str(p) for p in folder.glob("mdm/*.psv.zst"))
    with duckdb.connect() as con:
        tables = [con.sql(sql, params=[files]).to_arrow_table() for sql, files in ((_ELECTRIC, electric), (_GAS, gas))]
        frames = [pl.DataFrame(table) for table in tables]
    return pl.concat(frames).with_columns(pl.col("start_at").dt.replace_time_zone("UTC"))


def latest_reads(folder: Path) -> pl.DataFrame:
    """Replay all files in a folder, the newest update of a read winning."""
    key = ["service_point_id", "channel", "start_at"]
    rows = good_rows(folder).sort("updated_at", maintain_order=True).unique(key, keep="last")
    return rows.sort(key).select(
        "service_point_id",
        "channel",
        pl.col("start_at").dt.cast_time_unit("us").alias("interval_start_at"),
        "value",
        "quality",
    )


def lines(path: Path) -> list[bytes]:
    """Return a file's lines without their ends."""
    if path.suffix == ".zst":
        return zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes()).splitlines()
    return gzip.decompress(path.read_bytes()).splitlines()


def table(folder: Path, name: str, night: str) -> pl.DataFrame:
    """Read one billing extract, trailer and CHAR padding taken off; everything stays text."""
    text = lines(folder / "ccb" / f"ccb_{name}_{night}.csv.gz")
    frame = pl.read_csv(b"\n".join(text[:-1]), infer_schema=False)
    return frame.with_columns(pl.all().fill_null("").str.strip_chars_end(" "))


def isu_table(folder: Path, name: str, night: str) -> pl.DataFrame:
    """Read one SAP extract, trailer taken off and blanks empty; everything stays text."""
    text = lines(folder / "isu" / f"isu_{name}_{night}.csv.gz")
    return pl.read_csv(b"\n".join(text[:-1]), infer_schema=False).with_columns(pl.all().fill_null(""))


def good(folder: Path, name: str, night: str) -> pl.DataFrame:
    """Return a table without its planted broken line, which is always the last."""
    frame = table_text(folder, name, night)
    header = frame[0].split(",")
    rows = [r for r in frame[1:] if is_whole(name, r, len(header))]
    text = "\n".join([frame[0], *rows]).encode()
    read = pl.read_csv(text, infer_schema=False)
    return read.with_columns(pl.all().fill_null("").str.strip_chars_end(" "))


def table_text(folder: Path, name: str, night: str) -> list[str]:
    """Return a billing extract's header and rows as they are."""
    return [line.decode() for line in lines(folder / "ccb" / f"ccb_{name}_{night}.csv.gz")][:-1]


def is_whole(name: str, row: str, width: int) -> bool:
    """Say whether a row is none of the planted broken ones."""
    if name == "ci_per_name":
        return True
    if row.startswith(",") or len(re.sub(r'"[^"]*"', "", row).split(",")) != width:
        return False
    return "13-45" not in row and ".X" not in row
