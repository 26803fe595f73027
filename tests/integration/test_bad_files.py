"""Every kind of bad file, taken in as the DAGs do: it has its message, its bytes are kept, and good files go on.

Each row of `CASES` is a file as it lies in the inbound folder and what an operator is told about it.
"""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path

import duckdb
import pytest
import yaml

from nightwatt import stages
from nightwatt.errors import TerminalError
from nightwatt.ledger import loads, receipts
from nightwatt.ledger.models import Receipt, RejectSummary
from nightwatt.settings import Settings
from nightwatt.stages import Platform

NIGHT = date(2026, 3, 9)
AT = datetime(2026, 3, 9, 9, tzinfo=UTC)
HEADER = "sp,at,kwh\n"
ROWS = [f"SP{n:04d},2026-03-08 05:00:00,1.{n:03d}\n" for n in range(5)]
GOOD = (HEADER + "".join(ROWS)).encode()

CONTRACT = {
    "title": "Reads of a test",
    "system": "mdm",
    "owner": "nobody",
    "domain": "usage",
    "entity": "interval_read",
    "commodity": "electricity",
    "mode": "append",
    "reject_tolerance_pct": 50,
    "columns": [
        {"name": "sp", "field": "service_point_id"},
        {"name": "at", "field": "stamp", "type": "timestamp"},
        {"name": "kwh", "field": "value", "type": "decimal"},
    ],
    "interval": {
        "length_min": 60,
        "marks": "start",
        "clock": {"kind": "utc"},
        "channel": {"constant": "delivered"},
        "unit": {"constant": "kWh"},
        "quality": {"constant": "actual"},
    },
    "deadlines": {"expected_by": "03:00", "late_at": "05:00", "deadline": "07:00"},
}


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def with_line(line: bytes, place: int = 3) -> bytes:
    """Return the good file with one line more."""
    lines = GOOD.splitlines(keepends=True)
    return b"".join([*lines[:place], line, *lines[place:]])


def zipped(members: dict[str, bytes]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def bad_crc(content: bytes) -> bytes:
    data = bytearray(packed(content))
    data[-8] ^= 0xFF
    return bytes(data)


@dataclass(frozen=True)
class Case:
    """A bad file and what becomes of it."""

    name: str
    content: bytes | Callable[[Path], None]
    told: str  # part of what the operator is told
    kept: int = 0  # rows that reach the lake
    rejected: int = 0


def one_long_line(path: Path) -> None:
    """Make a file of one line of 1 GiB (a sparse file: it takes no room until it is read)."""
    with path.open("wb") as file:
        file.truncate(1 << 30)


def climbing_link(path: Path) -> None:
    outside = path.parents[3] / "outside.csv"
    outside.write_bytes(GOOD)
    path.symlink_to(outside)


CASES = {
    "an empty file": Case("plain_20260309.csv", b"", "file.empty"),
    "a header and nothing else": Case("plain_20260309.csv", HEADER.encode(), "received"),
    "a truncated gzip": Case("packed_20260309.csv.gz", packed(GOOD * 50)[:-20], "file.truncated"),
    "a gzip with a wrong checksum": Case("packed_20260309.csv.gz", bad_crc(GOOD), "file.corrupt"),
    "a file that is no gzip": Case("packed_20260309.csv.gz", GOOD, "file.co"),
    "missing columns": Case("plain_20260309.csv", b"sp,kwh\nA,1\n", "file.header_mismatch"),
    "a swapped header": Case("plain_20260309.csv", GOOD.replace(b"sp,at,kwh", b"at,sp,kwh"), "in another order"),
    "mixed line ends": Case("plain_20260309.csv", GOOD.replace(b"\n", b"\r\n", 2), "received", kept=5),
    "an unclosed quote": Case(
        "quoted_20260309.csv", with_line(b'"SP,2026-03-08 05:00:00,1\n'), "row.unclosed_quote", kept=5, rejected=1
    ),
    "another encoding": Case(
        "plain_20260309.csv", with_line("Zoë,2026-03-08 05:00:00,1\n".encode("latin-1")), "row.bad_encoding", 5, 1
    ),
    "UTF-16 where UTF-8 was promised": Case("plain_20260309.csv", GOOD.decode().encode("utf-16"), "file.encoding"),
    "a NUL byte": Case("plain_20260309.csv", with_line(b"S\0P,2026-03-08 05:00:00,1\n"), "row.nul_byte", 5, 1),
    "a line of a gigabyte": Case("plain_20260309.csv", one_long_line, "file.line_too_long"),
    "a name outside the pattern": Case("plain_09-03-2026.csv", GOOD, "unknown"),
    "a link that climbs out of the folder": Case("plain_20260309.csv", climbing_link, "file.outside_folder"),
    "a zip whose member climbs out": Case("zipped_20260309.zip", zipped({"../../x.csv": GOOD}), "file.zip_path"),
    "a zip of two files": Case("zipped_20260309.zip", zipped({"a.csv": GOOD, "b.csv": GOOD}), "file.zip_members"),
    "a gzip bomb": Case("packed_20260309.csv.gz", packed(GOOD + b"1,2,3\n" * 15_000_000), "file.bomb"),
    "a file still being written": Case("plain_20260309.csv.part", GOOD, "waiting"),
}


@pytest.fixture
def home(tmp_path: Path) -> Settings:
    """Return a home with four feeds that differ in name and packing, and one good file."""
    catalog = tmp_path / "catalog"
    (catalog / "feeds").mkdir(parents=True)
    forms = {
        "plain": (".csv", {}),
        "packed": (".csv.gz", {"compression": "gz"}),
        "quoted": (".csv", {"quote": '"'}),
        "zipped": (".zip", {"compression": "zip"}),
        "slow": (".csv", {}),
    }
    for name, (ending, form) in forms.items():
        arrival = {
            "folder": "in",
            "pattern": name + "_{business_date:%Y%m%d}" + ending,
            "wholeness": {"rule": "quiet", "seconds": 60 if name == "slow" else 0},
        }
        contract = {"feed": name, **CONTRACT, "arrival": arrival, "format": form}
        (catalog / "feeds" / f"{name}.yaml").write_text(yaml.safe_dump(contract), "utf-8")
    settings = Settings(home=tmp_path / "home", catalog=catalog)
    folder = settings.inbound / "in"
    folder.mkdir(parents=True)
    return settings


@pytest.mark.parametrize("kind", CASES)
def test_a_bad_file_has_its_message_and_nothing_is_lost(home: Settings, kind: str) -> None:
    case = CASES[kind]
    path = home.inbound / "in" / case.name
    if callable(case.content):
        case.content(path)
    else:
        path.write_bytes(case.content)
    feed = case.name.split("_")[0]
    other = "packed" if feed != "packed" else "plain"
    good = home.inbound / "in" / f"{other}_20260309.csv{'.gz' if other == 'packed' else ''}"
    good.write_bytes(packed(GOOD) if other == "packed" else GOOD)

    with Platform.open("test", home, clock=lambda: AT) as platform:
        told = take_in(platform, feed)
        told += take_in(platform, other)
    assert any(case.told in line for line in told), told
    assert not any("Zo" in line or "SP0" in line for line in told), "a message repeats row values"
    assert path.exists() or path.is_symlink(), "the sender's file is gone"
    assert rows(home, feed) == case.kept
    assert rows(home, other) == 5


def take_in(platform: Platform, feed: str) -> list[str]:
    """Arrive (two looks), load, and return every line the operator sees, reject reasons included."""
    stages.arrive(platform, feed)
    told = list(stages.arrive(platform, feed).lines())
    told += [f"received {r.file_name}: {r.message}" for r in _receipts(platform, feed)]
    try:
        stages.load(platform, feed, NIGHT)
    except TerminalError as e:
        told.append(str(e))
    told += [f"{s.code} line {s.first_line}" for s in _summaries(platform, feed)]
    return told


def _receipts(platform: Platform, feed: str) -> list[Receipt]:
    with platform.ledger.read() as session:
        return receipts.find_all(session, feed)


def _summaries(platform: Platform, feed: str) -> list[RejectSummary]:
    with platform.ledger.read() as session:
        return [summary for _, summary in loads.open_rejects(session, feed)]


def rows(home: Settings, feed: str) -> int:
    """Return how many reads of a feed are in the lake."""
    files = list(home.lake.glob(f"{feed}/load=*/*.parquet"))
    return sum(len(duckdb.sql(f"SELECT 1 FROM read_parquet('{f}')").fetchall()) for f in files)


def test_archived_bytes_are_those_received(home: Settings) -> None:
    content = packed(GOOD * 50)[:-20]
    (home.inbound / "in" / "packed_20260309.csv.gz").write_bytes(content)
    with Platform.open("test", home, clock=lambda: AT) as platform:
        take_in(platform, "packed")
    archived = [p.read_bytes() for p in home.landing.rglob("*") if p.is_file() and len(p.name) == 64]
    assert archived == [content]


def test_a_file_that_grows_between_two_looks_is_not_taken(home: Settings) -> None:
    path = home.inbound / "in" / "slow_20260309.csv"
    looks = []
    for minute, content in enumerate([GOOD[:40], GOOD, GOOD]):
        if path.exists() is False or path.read_bytes() != content:
            path.write_bytes(content)
        with Platform.open("test", home, clock=lambda m=minute: AT + timedelta(minutes=m)) as platform:
            looks.append(stages.arrive(platform, "slow").new)
    assert looks == [(), (), (path.name,)]


def test_a_file_on_hold_stops_its_chain_also_when_the_step_is_run_again(home: Settings) -> None:
    (home.inbound / "in" / "plain_20260309.csv").write_bytes(GOOD.replace(b"sp,at,kwh", b"at,sp,kwh"))
    with Platform.open("test", home, clock=lambda: AT) as platform:
        stages.arrive(platform, "plain")
        for _ in range(2):
            with pytest.raises(TerminalError, match=r"file\.header_mismatch"):
                stages.load(platform, "plain", NIGHT)
