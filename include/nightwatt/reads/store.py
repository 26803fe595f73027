"""The store as its callers see it: merge, rebuild, look up, retain.

Belongs here: versions, the lock around changes, what is left on disk and what is removed. Does not belong
here: how a merge is carried out (`plan.py`, `latest.py`, `batches.py`) and when one is due (stages).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import duckdb

from nightwatt import duck, durable, locks, log
from nightwatt.calendar import Clock, utc_now
from nightwatt.contracts.canonical import READ_COLUMNS, READ_KEY
from nightwatt.errors import TerminalError
from nightwatt.reads import batches, manifest, plan
from nightwatt.reads.latest import CONFLICT_COLUMNS
from nightwatt.reads.manifest import LakeLoad, MergeResult, Partition, StoreVersion
from nightwatt.settings import Settings

TOUCHED_COLUMNS = {name: READ_COLUMNS[name] for name in ("service_point_id", "channel", "read_date")}
"""Columns of a touched-key file."""


class Read(NamedTuple):
    """One interval read as `ReadsStore.lookup` returns it; instants are in UTC and carry it."""

    service_point_id: str
    channel: str
    interval_start_at: datetime
    interval_min: int
    value: Decimal | None
    unit: str
    quality: str
    meter_id: str | None
    last_updated_at: datetime | None
    read_date: date
    zone: str
    commodity: str
    receipt_id: int
    load_sequence: int


class ReadsStore:
    """The latest-wins state of interval reads under one folder.

    Readers take a `StoreVersion` and read its files for as long as they like: no file is ever edited, and
    no lock is needed. Changes (`merge`, `rebuild`, `retain`) run one at a time, over all processes.

    Args:
        root: the store's folder (`settings.reads`); made when first needed.
        settings: memory limit, threads and scratch folder of the engine.
        clock: where `created_at` comes from.
        wait_seconds: how long a change waits for another one before it raises `reads.locked`.
        rows_per_file: how many reads a data file of one day should have; tests make it small.
    """

    def __init__(
        self,
        root: Path,
        settings: Settings,
        *,
        clock: Clock = utc_now,
        wait_seconds: float = 60.0,
        rows_per_file: int = plan.ROWS_PER_FILE,
    ) -> None:
        self.root = Path(os.path.abspath(root))  # noqa: PTH100  (links stay as they are)
        self._settings = settings
        self._clock = clock
        self._wait_seconds = wait_seconds
        self._rows_per_file = rows_per_file
        self._log = log.get("reads")

    def current(self) -> StoreVersion | None:
        """Return the version that counts now; None before the first merge."""
        number = manifest.current_number(self.root)
        return None if number is None else self.pin(number)

    def pin(self, version: int) -> StoreVersion:
        """Return a version by its number. Keep the number where `retain` callers see it, to keep its files.

        Raises:
            TerminalError: `reads.no_version` when it does not exist (yet, or any more).
        """
        newest = manifest.current_number(self.root)
        found = manifest.read_version(self.root, version) if newest is not None and version <= newest else None
        if found is None:
            raise TerminalError(
                "reads.no_version",
                f"version {version} of the reads store in {self.root} does not exist",
                "use the current version; a publication pinned to this one has to be built again",
            )
        return found

    def merge(self, files: Sequence[Path], loads: Sequence[int]) -> MergeResult:
        """Work the lake files of some loads into the store and make that the current version.

        The result does not depend on the order in which loads are merged, nor on how they are split over
        merges; merging again what is in the store already changes nothing and returns what that merge did.
        A duplicate leaves the stored row as it is: `receipt_id` and `load_sequence` name the load that brought
        its present state first. (Where loads are merged out of their order, or rows of one read contradict each
        other, they may name another load that brought the identical row; what a read says is always the same.)

        Only data files of the read dates and id ranges that get new rows are read and rewritten.

        Args:
            files: Parquet with exactly `READ_COLUMNS`, in any order and unsorted. They stay where they are
                and must stay there: a later merge of an older receipt consults them again.
            loads: the ledger's load sequences whose rows these are; a load without a row is fine.

        Raises:
            TerminalError: `reads.lake_unreadable`, `reads.lake_columns`, `reads.lake_null`,
                `reads.lake_loads`: a lake file is not what it should be. Nothing has changed.
            TransientError: `reads.locked`: another process changes the store.
        """
        with self._alone("merge"):
            before = self.current()
            merged = set(before.loads) if before else set()
            new = manifest.unique(sequence for sequence in loads if sequence not in merged)
            if before and not new:
                return self._repeated(before, set(loads))
            return self._change(before, files, new, ignored=merged.intersection(loads))

    def rebuild(self, files: Sequence[Path], loads: Sequence[int]) -> MergeResult:
        """Make a version from lake files alone, with id ranges chosen anew; earlier versions stay readable.

        The reads are those that merging the same loads gives. Every key counts as touched.

        Args:
            files: the lake files of all loads.
            loads: all loads the version shall hold.

        Raises:
            TerminalError: as `merge`.
            TransientError: as `merge`.
        """
        with self._alone("rebuild"):
            return self._change(None, files, manifest.unique(loads), ignored=set())

    def lookup(self, service_point_id: str, first_date: date, last_date: date) -> list[Read]:
        """Return the reads of one service point over local read dates, both included.

        Sorted by read date, channel and start instant; empty for an unknown id.
        """
        version = self.current()
        partitions = version.partitions_of(service_point_id, first_date, last_date) if version else []
        if not partitions:
            return []
        relation = manifest.scan_sql([self.root / p.path for p in partitions])
        columns = ", ".join(
            f"timezone('UTC', {name}) AS {name}" if kind == "TIMESTAMP" else name for name, kind in READ_COLUMNS.items()
        )
        query = f"SELECT {columns} FROM {relation} WHERE service_point_id = ? ORDER BY read_date, {', '.join(READ_KEY)}"
        with duck.memory_engine(self._settings) as con:
            rows = con.execute(query, [service_point_id]).fetchall()
        return [Read(*row) for row in rows]

    def touched_since(self, version: int | None) -> list[Path] | None:
        """Return the touched-key files after a version, up to the current one; see `StoreVersion`."""
        current = self.current()
        return current.touched_since(version) if current else None

    def retain(self, keep_versions: int, pinned: Iterable[int] = ()) -> list[int]:
        """Remove old versions and every data file that no remaining version uses.

        Args:
            keep_versions: how many of the newest versions stay; the current one always does.
            pinned: older versions that stay as well, because a publication or a reader uses them.

        Returns:
            The versions removed.

        Raises:
            TransientError: `reads.locked`: another process changes the store.
        """
        with self._alone("retention"):
            current = manifest.current_number(self.root)
            if current is None:
                return []
            past = [v for v in manifest.versions(self.root) if v <= current]
            stay = {*past[-max(1, keep_versions) :], *pinned}
            removed = [v for v in past if v not in stay]
            for number in removed:
                manifest.manifest_path(self.root, number).unlink()
            self._clean(current)
            return removed

    def _alone(self, purpose: str) -> AbstractContextManager[locks.HeldLock]:
        """Hold the store for one change."""
        return locks.hold(
            self.root / "LOCK", purpose, code="reads.locked", timeout_s=self._wait_seconds, what="the reads store"
        )

    def _repeated(self, before: StoreVersion, loads: set[int]) -> MergeResult:
        for number in reversed(manifest.versions(self.root)):
            version = manifest.read_version(self.root, number) if number <= before.version else None
            if version and loads & set(version.result.loads):
                return version.result
        return before.result

    def _change(
        self, before: StoreVersion | None, files: Sequence[Path], loads: tuple[int, ...], ignored: set[int]
    ) -> MergeResult:
        newest = manifest.current_number(self.root)
        self._clean(newest)
        number = (newest or 0) + 1
        paths = sorted({Path(os.path.abspath(f)) for f in files})  # noqa: PTH100  (links stay as they are)
        with duck.memory_engine(self._settings) as con:
            plan.check_columns(con, paths)
            version = self._make(con, before, number, paths, loads, ignored)
        shutil.rmtree(self._work, ignore_errors=True)
        manifest.switch(version)
        result = version.result
        self._log.info(
            "reads merged",
            version=number,
            loads=len(loads),
            rows_in=result.rows_in,
            inserted=result.inserted,
            updated=result.updated,
            unchanged=result.unchanged,
            conflicts=result.conflicts,
        )
        return result

    def _make(
        self,
        con: duckdb.DuckDBPyConnection,
        before: StoreVersion | None,
        number: int,
        files: Sequence[Path],
        loads: tuple[int, ...],
        ignored: set[int],
    ) -> StoreVersion:
        """Write everything of a new version but its manifest."""
        is_empty = before is None or not before.partitions
        bounds = before.bounds if before and not is_empty else plan.choose_bounds(con, files, self._rows_per_file)
        stored = {(p.read_date, p.range_number): p for p in before.partitions} if before else {}
        incoming = plan.count_incoming(con, files, loads, ignored, bounds=bounds, stored=stored, root=self.root)
        planned = plan.plan_batches(con, incoming, stored, bounds, self.root, self._rows_per_file)
        witnesses = _witnesses(before.lake_loads if before else (), incoming.loads)
        job = batches.Job(self.root, self._work, number, bounds, loads, witnesses)
        done = batches.run_batches(con, self._settings, job, planned)
        partitions = _partitions(stored, done)
        result = self._gather(con, number, loads, incoming.rows, done)
        batches.flush_all(
            [self.root / p.path for w in done for p in w.new]
            + [result.touched]
            + ([result.conflict_file] if result.conflict_file else [])
        )
        return StoreVersion(
            root=self.root,
            version=number,
            previous=before.version if before else None,
            created_at=self._clock(),
            bounds=bounds,
            partitions=partitions,
            loads=manifest.unique((*(before.loads if before else ()), *loads)),
            lake_loads=(*(before.lake_loads if before else ()), *incoming.loads),
            result=result,
        )

    def _gather(
        self,
        con: duckdb.DuckDBPyConnection,
        number: int,
        loads: tuple[int, ...],
        rows_in: int,
        done: Sequence[batches.Written],
    ) -> MergeResult:
        touched = self.root / manifest.touched_name(number)
        batches.gather(con, sorted(self._work.glob("touched-*.parquet")), touched, TOUCHED_COLUMNS)
        conflict_parts = sorted(self._work.glob("conflicts-*.parquet"))
        conflict_file = self.root / manifest.conflicts_name(number) if conflict_parts else None
        if conflict_file:
            batches.gather(con, conflict_parts, conflict_file, CONFLICT_COLUMNS)
        inserted, updated = sum(w.inserted for w in done), sum(w.updated for w in done)
        return MergeResult(
            version=number,
            touched=touched,
            rows_in=rows_in,
            inserted=inserted,
            updated=updated,
            unchanged=rows_in - inserted - updated,
            conflicts=sum(w.conflicts for w in done),
            loads=loads,
            conflict_file=conflict_file,
        )

    @property
    def _work(self) -> Path:
        return self.root / "work"

    def _clean(self, current: int | None) -> None:
        """Remove what no version up to the current one leads to: leftovers of killed merges, retired files.

        Called under the lock only.
        """
        shutil.rmtree(self._work, ignore_errors=True)
        used: set[Path] = set()
        for number in manifest.versions(self.root):
            version = manifest.read_version(self.root, number) if number <= (current or 0) else None
            if version is None:
                manifest.manifest_path(self.root, number).unlink()
            else:
                used |= {*version.files, version.result.touched}
                used |= {version.result.conflict_file} if version.result.conflict_file else set()
        for name in (manifest.DATA, manifest.TOUCHED, manifest.CONFLICTS):
            for path in (self.root / name).rglob("*.parquet"):
                if path not in used:
                    path.unlink()
        for folder in (self.root, self.root / manifest.MANIFESTS):
            for aside in folder.glob(f"*{durable.ASIDE}"):
                aside.unlink()


def _witnesses(merged: Iterable[LakeLoad], incoming: Iterable[LakeLoad]) -> tuple[LakeLoad, ...]:
    """Return the loads merged before that a load being merged now does not come after.

    The store keeps one row of each duplicate, the first. When an older receipt comes in late, that row may
    look older than it although a duplicate of it came later; only the lake still knows.
    """
    filled = [load for load in incoming if load.min_receipt >= 0]
    if not filled:
        return ()
    oldest = min((load.min_receipt, load.sequence) for load in filled)
    return tuple(load for load in merged if (load.max_receipt, load.sequence) > oldest)


def _partitions(stored: Mapping[plan.CellKey, Partition], done: Sequence[batches.Written]) -> tuple[Partition, ...]:
    gone = {key for written in done for key in written.gone}
    stay = [p for key, p in stored.items() if key not in gone]
    new = [p for written in done for p in written.new]
    return tuple(sorted([*stay, *new], key=lambda p: (p.read_date, p.range_number)))
