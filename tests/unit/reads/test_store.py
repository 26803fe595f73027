"""Versions of the store: what stays, what is found again, and what a killed merge leaves behind."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from tests.unit.reads.conftest import Merge
from tests.unit.reads.lake import NOON, Row, read, rows_of, write

from nightwatt import durable, locks
from nightwatt.errors import NightWattError, TerminalError, TransientError
from nightwatt.reads import Read, ReadsStore, StoreVersion, batches, manifest, plan
from nightwatt.settings import Settings

NEXT_DAY = NOON + timedelta(days=1)


def now(store: ReadsStore) -> StoreVersion:
    """Return the current version."""
    version = store.current()
    assert version is not None
    return version


def tree(root: Path) -> set[str]:
    """Return every file of a store but its lock."""
    return {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file() and p.name != "LOCK"}


def test_an_empty_store_has_no_version_and_no_reads(store: ReadsStore) -> None:
    """Asking is never an error."""
    assert store.current() is None
    assert store.lookup("0001", date(2026, 1, 1), date(2026, 12, 31)) == []
    assert store.touched_since(None) is None
    assert store.retain(3) == []


def test_a_version_says_what_it_holds(store: ReadsStore, merge: Merge) -> None:
    """Manifest, layout and relation of a first merge of two days."""
    result = merge(read(1), read(2, interval_start_at=NEXT_DAY, zone="Europe/London"))
    version = now(store)
    assert tree(store.root) == {
        "CURRENT",
        "manifests/00000001.json",
        "data/read_date=2026-03-08/r000-v00000001.parquet",
        "data/read_date=2026-03-09/r000-v00000001.parquet",
        "touched/00000001.parquet",
    }
    assert (version.version, version.loads, version.row_count) == (1, (1, 2), 2)
    assert version.zones == ("America/New_York", "Europe/London")
    assert (version.min_read_date, version.max_read_date) == (date(2026, 3, 8), date(2026, 3, 9))
    assert version.result == result
    assert pl.read_parquet(result.touched).rows() == [
        ("0001", "delivered", date(2026, 3, 8)),
        ("0001", "delivered", date(2026, 3, 9)),
    ]
    raw = json.loads((store.root / "manifests/00000001.json").read_text())
    assert raw["counts"] == {"rows_in": 2, "inserted": 2, "updated": 0, "unchanged": 0, "conflicts": 0}
    with duckdb.connect() as con:
        names = [name for name, *_ in con.execute(f"DESCRIBE SELECT * FROM {version.scan_sql()}").fetchall()]
        assert names == list(read())
        where = "WHERE read_date = DATE '2026-03-09'"
        assert con.execute(f"SELECT count(*) FROM {version.scan_sql()} {where}").fetchone() == (1,)


def test_an_empty_version_is_a_typed_empty_relation(store: ReadsStore) -> None:
    """Loads without a row make a version that knows them."""
    result = store.merge([], [4])
    assert (result.rows_in, result.loads, now(store).loads) == (0, (4,), (4,))
    with duckdb.connect() as con:
        described = con.execute(f"DESCRIBE SELECT * FROM {now(store).scan_sql()}").fetchall()
    assert {row[0]: row[1] for row in described} == dict(manifest.READ_COLUMNS)


def test_merging_the_same_loads_again_returns_the_same_result(store: ReadsStore, merge: Merge) -> None:
    """Also after another merge came in between; the store stays as it is."""
    first = merge(read(1), read(2, interval_start_at=NEXT_DAY))
    assert merge(read(1), read(2, interval_start_at=NEXT_DAY)) == first
    second = merge(read(3, service_point_id="0002"))
    before = tree(store.root)
    assert merge(read(1)) == first
    assert merge(read(3, service_point_id="0002")) == second
    assert tree(store.root) == before


def test_loads_merged_before_are_not_counted_again(store: ReadsStore, merge: Merge) -> None:
    """A merge of an old and a new load works in the new one only."""
    merge(read(1))
    result = merge(read(1), read(2, interval_start_at=NEXT_DAY))
    assert (result.rows_in, result.inserted, result.loads) == (1, 1, (2,))
    assert now(store).loads == (1, 2)


def test_a_new_day_leaves_the_first_days_files_unread(
    store: ReadsStore, merge: Merge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first day's file may even be gone."""
    merge(read(1))
    (old,) = now(store).files
    old.rename(old.with_suffix(".away"))
    merge(read(2, interval_start_at=NEXT_DAY))
    assert now(store).files[0] == old
    assert len(now(store).files) == 2


def test_a_correction_rewrites_only_its_cell(home: Settings) -> None:
    """One read of one of two days and several id ranges changes: one file is new."""
    store = ReadsStore(home.reads, home, rows_per_file=2)
    ids = [f"{n:04}" for n in range(8)]
    lake = [read(1, service_point_id=i, interval_start_at=t) for i in ids for t in (NOON, NEXT_DAY)]
    store.merge([write(home.lake / "1.parquet", lake)], [1])
    before = now(store)
    assert before.bounds == ("0002", "0004", "0006")
    store.merge([write(home.lake / "2.parquet", [read(2, service_point_id="0005", unit="kvarh")])], [2])
    after = now(store)
    assert after.bounds == before.bounds
    (new,) = set(after.files) - set(before.files)
    assert new.name == "r002-v00000002.parquet"
    assert len(after.files) == len(before.files) == 8
    assert all(path.exists() for path in before.files)


def test_a_pinned_version_still_reads_what_it_held(store: ReadsStore, merge: Merge) -> None:
    """Nothing that happens later changes it."""
    merge(read(1))
    pinned = store.pin(1)
    merge(read(2, unit="kvarh"))
    assert rows_of(pinned.files) == [read(1)]
    assert store.pin(1) == pinned
    with pytest.raises(TerminalError, match="no_version"):
        store.pin(3)


def test_lookup_finds_one_service_point_between_two_dates(store: ReadsStore, merge: Merge) -> None:
    """Instants come with their zone, in order, of both channels."""
    merge(
        read(1, channel="received"),
        read(1),
        read(1, interval_start_at=NEXT_DAY),
        read(1, service_point_id="0002"),
        read(1, interval_start_at=NOON + timedelta(days=2)),
    )
    found = store.lookup("0001", date(2026, 3, 8), date(2026, 3, 9))
    assert [(r.channel, r.interval_start_at) for r in found] == [
        ("delivered", NOON.replace(tzinfo=UTC)),
        ("received", NOON.replace(tzinfo=UTC)),
        ("delivered", NEXT_DAY.replace(tzinfo=UTC)),
    ]
    aware = {"interval_start_at": NOON.replace(tzinfo=UTC), "last_updated_at": NEXT_DAY.replace(tzinfo=UTC)}
    assert found[0] == Read(**read(1) | aware)
    assert store.lookup("0003", date(2026, 3, 8), date(2026, 3, 9)) == []


class TestTouchedSince:
    """Which keys a reader of an earlier version has to look at again."""

    def test_lists_the_versions_after(self, store: ReadsStore, merge: Merge) -> None:
        results = [merge(read(n, service_point_id=f"{n:04}")) for n in (1, 2, 3)]
        assert store.touched_since(1) == [results[1].touched, results[2].touched]
        assert store.touched_since(3) == []
        assert store.pin(2).touched_since(1) == [results[1].touched]

    def test_is_unknown_without_a_version_after_a_rebuild_and_after_retention(
        self, store: ReadsStore, merge: Merge, home: Settings
    ) -> None:
        for n in (1, 2, 3):
            merge(read(n))
        assert store.touched_since(None) is None
        assert store.touched_since(9) is None
        store.retain(1)
        assert store.touched_since(1) is None
        store.rebuild([home.lake / "feed/load=1/part-0.parquet"], [1])
        assert store.touched_since(3) is None


def test_retention_keeps_the_newest_the_pinned_and_their_files(store: ReadsStore, merge: Merge) -> None:
    """Every file of a version that stays is there; every other one is gone."""
    for n, unit in enumerate(["kWh", "kvarh", "kWh", "kvarh"], start=1):
        merge(read(n, unit=unit), read(n, unit=unit, interval_start_at=NOON + timedelta(days=n)))
    assert store.retain(2, pinned=[1]) == [2]
    for version in (1, 3, 4):
        assert all(path.exists() for path in store.pin(version).files)
    with pytest.raises(TerminalError):
        store.pin(2)
    kept = {p for v in (1, 3, 4) for p in store.pin(v).files}
    assert {p for p in (store.root / "data").rglob("*.parquet")} == kept
    assert store.retain(0) == [1, 3]
    assert now(store).version == 4


class TestRefusals:
    """A lake file that is not what it should be stops the merge; the store stays as it was."""

    @pytest.fixture(autouse=True)
    def _unchanged(self, store: ReadsStore, merge: Merge) -> Iterator[None]:
        merge(read(1))
        before = tree(store.root)
        yield
        assert tree(store.root) == before
        assert rows_of(now(store).files) == [read(1)]

    def refused(self, store: ReadsStore, path: Path, loads: list[int]) -> NightWattError:
        with pytest.raises(TerminalError) as caught:
            store.merge([path], loads)
        assert caught.value.remedy
        assert str(path) in caught.value.message
        return caught.value

    def test_other_columns(self, store: ReadsStore, tmp_path: Path) -> None:
        pl.DataFrame({"service_point_id": ["0001"]}).write_parquet(tmp_path / "x.parquet")
        assert self.refused(store, tmp_path / "x.parquet", [2]).code == "reads.lake_columns"

    def test_other_types(self, store: ReadsStore, tmp_path: Path) -> None:
        path = write(tmp_path / "x.parquet", [read(2)])
        pl.read_parquet(path).with_columns(pl.col("value").cast(pl.Float64)).write_parquet(path)
        assert self.refused(store, path, [2]).code == "reads.lake_columns"

    def test_not_parquet(self, store: ReadsStore, tmp_path: Path) -> None:
        (tmp_path / "x.parquet").write_text("service_point_id")
        assert self.refused(store, tmp_path / "x.parquet", [2]).code == "reads.lake_unreadable"

    def test_missing(self, store: ReadsStore, tmp_path: Path) -> None:
        assert self.refused(store, tmp_path / "x.parquet", [2]).code == "reads.lake_unreadable"

    @pytest.mark.parametrize("column", ["service_point_id", "channel", "interval_start_at", "read_date", "zone"])
    def test_a_key_without_value(self, store: ReadsStore, tmp_path: Path, column: str) -> None:
        path = write(tmp_path / "x.parquet", [read(2, **{"read_date": date(2026, 3, 8), column: None})])
        assert self.refused(store, path, [2]).code == "reads.lake_null"

    def test_a_load_not_named(self, store: ReadsStore, tmp_path: Path) -> None:
        path = write(tmp_path / "x.parquet", [read(2), read(3)])
        assert self.refused(store, path, [2]).code == "reads.lake_loads"


@pytest.mark.parametrize(
    "change",
    [
        lambda store: store.merge([], [1]),
        lambda store: store.rebuild([], []),
        lambda store: store.retain(1),
    ],
    ids=["merge", "rebuild", "retain"],
)
def test_the_second_change_is_told_who_makes_the_first(store: ReadsStore, merge: Merge, change: Any) -> None:
    """Two changes never run at once, over processes and within one."""
    held = rf"the reads store is held by 'rebuild' \(process {os.getpid()} "
    with (
        locks.hold(store.root / "LOCK", "rebuild", code="reads.locked", timeout_s=0),
        pytest.raises(TransientError, match=held) as refused,
    ):
        change(store)
    assert refused.value.code == "reads.locked"
    merge(read(1))


class _Killed(BaseException):
    """Stands for a kill: nothing may catch it."""


STEPS = [*((batches, step) for step in ("run_batches", "_settle", "gather", "flush_all")), (manifest, "switch")]
CORRECTION = {"unit": "kvarh", "last_updated_at": NOON + timedelta(days=2)}


class TestKilled:
    """A merge that dies at any step leaves the version before; the next one removes what lies about."""

    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize(("module", "step"), STEPS, ids=[name for _, name in STEPS])
    def test_at_each_step(
        self, store: ReadsStore, merge: Merge, monkeypatch: pytest.MonkeyPatch, module: Any, step: str, after: bool
    ) -> None:
        merge(read(1))
        real = getattr(module, step)

        def die(*args: Any, **options: Any) -> None:
            if after:
                real(*args, **options)
            raise _Killed

        with monkeypatch.context() as patched, pytest.raises(_Killed):
            patched.setattr(module, step, die)
            merge(read(2, **CORRECTION), read(2, interval_start_at=NEXT_DAY))
        is_switched = after and step == "switch"
        assert now(store).version == (2 if is_switched else 1)
        self.check_rerun(store, merge)

    @pytest.mark.parametrize("number", [1, 2])
    def test_at_each_rename_of_the_switch(
        self, store: ReadsStore, merge: Merge, monkeypatch: pytest.MonkeyPatch, number: int
    ) -> None:
        merge(read(1))
        real, seen = durable.write_text, []

        def die(path: Path, content: str) -> None:
            seen.append(path)
            if len(seen) == number:
                durable.aside_of(path).write_text(content[:5])
                raise _Killed
            real(path, content)

        with monkeypatch.context() as patched, pytest.raises(_Killed):
            patched.setattr(durable, "write_text", die)
            merge(read(2, **CORRECTION), read(2, interval_start_at=NEXT_DAY))
        assert now(store).version == 1
        assert rows_of(now(store).files) == [read(1)]
        self.check_rerun(store, merge)

    @staticmethod
    def check_rerun(store: ReadsStore, merge: Merge) -> None:
        expected: list[Row] = [read(2, **CORRECTION), read(2, interval_start_at=NEXT_DAY)]
        result = merge(*expected)
        assert (result.version, result.inserted, result.updated, result.conflicts) == (2, 1, 1, 0)
        assert rows_of(now(store).files) == expected
        version = now(store)
        used = {p.relative_to(store.root).as_posix() for v in (store.pin(1), version) for p in v.files}
        assert tree(store.root) == used | {
            "CURRENT",
            "manifests/00000001.json",
            "manifests/00000002.json",
            "touched/00000001.parquet",
            "touched/00000002.parquet",
        }


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    """All but the time of making is determined by the lake."""
    content = []
    for name in ("a", "b"):
        home = Settings(home=tmp_path / name)
        store = ReadsStore(home.reads, home, rows_per_file=3)
        lake = [read(1, service_point_id=f"{n % 5:04}", interval_start_at=NOON + timedelta(hours=n)) for n in range(50)]
        store.merge([write(home.lake / "1.parquet", lake)], [1])
        content.append({path.relative_to(store.root): path.read_bytes() for path in now(store).files})
    assert content[0] == content[1]


def test_ids_that_sql_would_misread_are_only_ids(store: ReadsStore, home: Settings) -> None:
    """Quotes, umlauts and spaces in an id make range bounds and look-ups like any other."""
    ids = ["O'Neil", "Z ", "a\\b", "Ärger", "😀"]
    store = ReadsStore(home.reads, home, rows_per_file=1)
    store.merge([write(home.lake / "1.parquet", [read(1, service_point_id=i) for i in ids])], [1])
    assert len(now(store).partitions) == 5
    for service_point_id in ids:
        assert [r.service_point_id for r in store.lookup(service_point_id, date.min, date.max)] == [service_point_id]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64])
def test_sql_and_python_agree_on_id_ranges(count: int) -> None:
    """The tree of comparisons numbers the ranges like a binary search does."""
    bounds = [f"{n * 10:04}" for n in range(1, count)]
    with duckdb.connect() as con:
        found = con.execute(
            f"SELECT service_point_id, {plan.range_sql(bounds)} "
            "FROM (SELECT lpad(n::VARCHAR, 4, '0') AS service_point_id FROM range(700) AS t(n))"
        ).fetchall()
    assert all(manifest.range_of(bounds, service_point_id) == number for service_point_id, number in found)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("2GB", 2_000_000_000), ("1.5 GiB", 1_610_612_736), ("512MB", 512_000_000), ("80%", 0), ("1024", 1024)],
)
def test_memory_limits_are_understood(limit: str, expected: int) -> None:
    """Spellings that DuckDB takes; one that is not understood means a single worker."""
    assert batches.memory_bytes(limit) == expected
