"""Rows of a source become one whole file: never half of one, never a mark ahead of its rows."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.arrival import NIGHT, Home, make_feed

from nightwatt.arrival.extract import STEPS, Extracted, alone, extract
from nightwatt.arrival.text_rows import batches_of, exact_text, gathered, one_ahead, text_schema
from nightwatt.contracts.feed import Feed
from nightwatt.errors import TerminalError, TransientError
from nightwatt.ledger import Ledger
from nightwatt.ledger.models import Extraction

NAMES = ("SP_ID", "READ")


def make_extracted(rule: str = "manifest") -> Feed:
    wholeness = {"rule": rule} | ({"pattern": "reads_{business_date:%Y%m%d}_{part}.json"} if rule == "manifest" else {})
    return make_feed(wholeness, arrival={"pattern": "reads_{business_date:%Y%m%d}_{part}.parquet"})


@dataclass
class Rows:
    """A source that holds rows in memory, each with the stamp of its last change in front."""

    rows: list[tuple[str, str, str | None]] = field(default_factory=list)
    fails_after: int | None = None
    newest: str | None = None
    each: Callable[[str], None] | None = None

    def since(self, mark: str | None) -> str | None:
        return mark

    @contextmanager
    def read(self, since: str | None) -> Iterator[Rows]:
        self.taken = [row for row in self.rows if since is None or row[0] >= since]
        yield self
        assert self.newest == max((row[0] for row in self.taken), default=None)

    def batches(self) -> Iterator[pa.RecordBatch]:
        self.newest = None
        for number, row in enumerate(self.taken):
            if number == self.fails_after:
                raise TransientError("extract.source_lost", "the source went away", "try again")
            yield from batches_of(NAMES, [row[1:]])
            if self.each:
                self.each("row")
            self.newest = max(self.newest or "", row[0])


@pytest.fixture
def source() -> Rows:
    return Rows([("2026-03-09 01:00:00", "SP1", "7"), ("2026-03-09 02:00:00", "SP2", None)])


def pull(home: Home, source: Rows, feed: Feed | None = None, day: date = NIGHT, **options: Any) -> Extracted:
    return extract(feed or make_extracted(), day, source, home.settings, home.ledger, **options)


def extractions(home: Home) -> list[tuple[str, str | None, int | None, str | None]]:
    with home.ledger.read() as session:
        rows = session.query(Extraction).order_by(Extraction.id).all()
    return [(r.state, r.file_name, r.rows, r.mark) for r in rows]


def inbound(home: Home) -> list[str]:
    return sorted(p.name for p in home.inbound.iterdir())


def test_rows_become_a_file_that_its_manifest_describes(home: Home, source: Rows) -> None:
    done = pull(home, source)

    assert done == Extracted(1, "reads_20260309_00000001.parquet", 2, None, "2026-03-09 02:00:00")
    table = pq.read_table(home.inbound / "reads_20260309_00000001.parquet")
    assert table.schema == text_schema(NAMES)
    assert table.to_pylist() == [{"SP_ID": "SP1", "READ": "7"}, {"SP_ID": "SP2", "READ": None}]
    manifest = json.loads((home.inbound / "reads_20260309_00000001.json").read_text())
    (listed,) = manifest["files"]
    assert (manifest["business_date"], listed["name"], listed["rows"]) == ("2026-03-09", done.file_name, 2)
    assert extractions(home) == [("succeeded", done.file_name, 2, done.mark)]


def test_the_next_pull_begins_where_the_last_one_came_to(home: Home, source: Rows) -> None:
    pull(home, source)
    source.rows.append(("2026-03-09 03:00:00", "SP3", ""))
    done = pull(home, source)

    assert (done.since, done.rows, done.mark) == ("2026-03-09 02:00:00", 2, "2026-03-09 03:00:00")


def test_a_mark_never_goes_back(home: Home, source: Rows) -> None:
    pull(home, source)
    source.rows = [("2026-03-08 01:00:00", "SP9", "1")]  # a source that was restored from an older copy
    done = pull(home, source, everything=True)

    assert (done.rows, done.mark) == (1, "2026-03-09 02:00:00")
    assert pull(home, source).since == "2026-03-09 02:00:00"


def test_the_first_file_of_a_night_comes_even_without_a_row_and_only_the_first(home: Home) -> None:
    empty = Rows()
    done = [pull(home, empty), pull(home, empty), pull(home, empty, day=NIGHT + timedelta(1))]

    assert [d.file_name for d in done] == ["reads_20260309_00000001.parquet", None, "reads_20260310_00000003.parquet"]
    assert [state for state, *_ in extractions(home)] == ["succeeded"] * 3
    assert pq.read_table(home.inbound / "reads_20260309_00000001.parquet").schema == text_schema(NAMES)


def test_a_failed_pull_leaves_nothing_and_moves_no_mark(home: Home, source: Rows) -> None:
    source.fails_after = 1
    with pytest.raises(TransientError, match="the source went away"):
        pull(home, source)
    assert (inbound(home), extractions(home)) == ([], [("failed", None, None, None)])

    source.fails_after = None
    assert pull(home, source).rows == 2


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("rule", ["manifest", "done_marker", "quiet"])
@pytest.mark.parametrize("step", ["row", *STEPS])
def test_killed_at_any_step_a_rerun_ends_the_same(home: Home, source: Rows, step: str, rule: str) -> None:
    feed = make_extracted(rule)
    kill_at(home, source, feed, step)
    source.rows.append(("2026-03-09 03:00:00", "SP3", "9"))
    pull(home, source, feed)
    held = {row["SP_ID"] for path in home.inbound.glob("*.parquet") for row in pq.read_table(path).to_pylist()}
    ended = extractions(home)

    assert held == {"SP1", "SP2", "SP3"}
    assert ended[-1][0::3] == ("succeeded", "2026-03-09 03:00:00")
    assert ended[0][0] == ("succeeded" if step in {"in_place", "recorded"} else "failed")
    assert not [name for name in inbound(home) if name.endswith(".part")]
    files = {p.stem for p in home.inbound.glob("*.parquet")}
    assert {name.split(".")[0] for name in inbound(home)} == files  # nothing announces a file that never came


def test_one_process_extracts_a_feed_at_a_time(home: Home) -> None:
    feed = make_extracted()
    with (
        alone(feed, home.settings),
        pytest.raises(TransientError, match=r"extract\.busy"),
        alone(feed, home.settings),
    ):
        raise AssertionError("two at once")


def test_values_become_text_from_which_they_could_be_had_back() -> None:
    wall = datetime.fromisoformat("2026-03-09T01:30:00.000250")
    east = timezone(timedelta(hours=-5))
    values: Sequence[object] = [
        Decimal("1E-8"), Decimal("12345678901.12345678"), Decimal("0E+2"), 0.1, -7, True, None, "", " padded  ",
        'quote " and\nline', wall, wall.replace(tzinfo=east), date(2026, 3, 9), time(1, 30), b"\x00\xff",
    ]  # fmt: skip

    assert [exact_text(v) for v in values] == [
        "0.00000001", "12345678901.12345678", "0", "0.1", "-7", "true", None, "", " padded  ",
        'quote " and\nline', "2026-03-09 01:30:00.000250", "2026-03-09 06:30:00.000250", "2026-03-09", "01:30:00",
        "00ff",
    ]  # fmt: skip
    with pytest.raises(TerminalError, match=r"extract\.unknown_type"):
        exact_text({"a": 1})


def test_row_groups_are_cut_by_size_as_by_rows() -> None:
    long = "x" * (1 << 20)
    sizes = [t.num_rows for t in gathered(b for _ in range(70) for b in batches_of(["a"], [[long]]))]

    assert sum(sizes) == 70
    assert max(sizes) <= 17


def test_work_beside_the_reading_keeps_its_order_and_two_in_hand() -> None:
    read: list[int] = []
    done: list[int] = []

    def items() -> Iterator[int]:
        for number in range(5):
            read.append(number)
            assert len(read) - len(done) <= 3  # one read now, two in hand
            yield number

    for result in one_ahead(lambda n: n * n, items()):
        done.append(result)
    assert done == [0, 1, 4, 9, 16]


def test_work_that_fails_ends_the_reading() -> None:
    def fail(_: int) -> int:
        raise TransientError("extract.write_failed", "the disk is gone", "")

    with pytest.raises(TransientError, match="the disk is gone"):
        list(one_ahead(fail, range(1000)))


def kill_at(home: Home, source: Rows, feed: Feed, step: str) -> None:
    """Run an extraction in a process of its own that is killed at a step."""

    def die(reached: str) -> None:
        if reached == step:
            os.kill(os.getpid(), signal.SIGKILL)

    home.ledger.close()  # a child must not inherit open connections
    child = os.fork()
    if child == 0:
        try:
            dying = replace(source, each=die)
            ledger = Ledger.open(home.settings.ledger_address, lambda: home.now)
            extract(feed, NIGHT, dying, home.settings, ledger, at=die)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
