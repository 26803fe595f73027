"""What a version of the store consists of, and how one version replaces another in one step.

Belongs here: the records `Partition`, `MergeResult`, `StoreVersion`, their JSON, and the `CURRENT` pointer
with the flushing to disk it needs. Does not belong here: making data files (`batches.py`).

Layout under the store's root::

    CURRENT                                         the number of the version that counts
    manifests/00000012.json                         everything about version 12
    data/read_date=2026-03-08/r003-v00000012.parquet    immutable; named for range and version
    touched/00000012.parquet                        keys that version 12 changed
    conflicts/00000012.parquet                      findings `interval.conflict` of version 12
    work/                                           files of a merge under way; empty otherwise
    LOCK                                            held while the store is changed

A version becomes real by the replacement of CURRENT and by nothing else: files and manifests it does not
lead to are leftovers of a killed merge, and the next merge removes them.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from nightwatt import duck, durable
from nightwatt.contracts.canonical import READ_COLUMNS
from nightwatt.errors import TerminalError

CURRENT = "CURRENT"
MANIFESTS = "manifests"
DATA = "data"
TOUCHED = "touched"
CONFLICTS = "conflicts"


@dataclass(frozen=True)
class Partition:
    """One data file: the reads of one local read date and one range of service point ids.

    Attributes:
        path: relative to the store's root.
        read_date: local date all its rows carry.
        range_number: which id range, counted from 0 (see `StoreVersion.bounds`).
        row_count: reads in it.
        size_bytes: its size.
        min_service_point_id: smallest id in it.
        max_service_point_id: largest id in it.
        zones: the time zones its read dates count in, sorted.
    """

    path: str
    read_date: date
    range_number: int
    row_count: int
    size_bytes: int
    min_service_point_id: str
    max_service_point_id: str
    zones: tuple[str, ...]


@dataclass(frozen=True)
class LakeLoad:
    """Which lake files one merged load consisted of, kept for merges that arrive out of order.

    Attributes:
        sequence: the load.
        min_receipt: smallest receipt id among its rows (-1: it had no rows).
        max_receipt: largest receipt id among its rows (-1: it had no rows).
        first_date: smallest read date among its rows.
        last_date: largest read date among its rows.
        files: its Parquet files, relative to the store's root.
    """

    sequence: int
    min_receipt: int
    max_receipt: int
    first_date: date | None
    last_date: date | None
    files: tuple[str, ...]


@dataclass(frozen=True)
class MergeResult:
    """What one merge did. `rows_in == inserted + updated + unchanged`, always.

    Attributes:
        version: the version that holds the result.
        touched: Parquet with service_point_id, channel, read_date: one row for every key under which a
            read was inserted or changed, sorted.
        rows_in: rows in the lake files of the loads merged.
        inserted: reads that were not in the store.
        updated: reads that replaced another state of themselves.
        unchanged: rows that changed nothing: duplicates, older states, states overtaken in the same merge.
        conflicts: findings `interval.conflict`: two rows of one read with the same source update time and
            another value, quality or unit.
        loads: the loads merged, sorted.
        conflict_file: Parquet with the findings; None where there is none.
    """

    version: int
    touched: Path
    rows_in: int
    inserted: int
    updated: int
    unchanged: int
    conflicts: int
    loads: tuple[int, ...]
    conflict_file: Path | None = None


@dataclass(frozen=True)
class StoreVersion:
    """One finished state of the store. Never changes; its files stay until `ReadsStore.retain` drops it.

    Attributes:
        root: the store's folder.
        version: its number; each merge that changes anything counts one up.
        previous: the version it was made from; None for the first one and after a rebuild.
        created_at: when it was made, UTC.
        bounds: lower ends of the id ranges 1, 2, ...; range 0 starts below every id.
        partitions: its data files, sorted by read date and id range.
        loads: every load it holds, sorted.
        lake_loads: the lake files behind `loads`.
        result: what the merge that made it did.
    """

    root: Path
    version: int
    previous: int | None
    created_at: datetime
    bounds: tuple[str, ...]
    partitions: tuple[Partition, ...]
    loads: tuple[int, ...]
    lake_loads: tuple[LakeLoad, ...]
    result: MergeResult

    @cached_property
    def files(self) -> list[Path]:
        """Absolute paths of the data files: read in this order, rows come sorted within each read date."""
        return [self.root / p.path for p in self.partitions]

    @cached_property
    def zones(self) -> tuple[str, ...]:
        """Names of the time zones its read dates count in, sorted."""
        return tuple(sorted({zone for p in self.partitions for zone in p.zones}))

    @property
    def min_read_date(self) -> date | None:
        """Earliest local read date; None while the store is empty."""
        return self.partitions[0].read_date if self.partitions else None

    @property
    def max_read_date(self) -> date | None:
        """Latest local read date; None while the store is empty."""
        return self.partitions[-1].read_date if self.partitions else None

    @cached_property
    def row_count(self) -> int:
        """How many reads it holds."""
        return sum(p.row_count for p in self.partitions)

    def scan_sql(self) -> str:
        """Return the SQL relation of all its reads: the canonical columns, for use after FROM.

        Its rows are sorted by (service_point_id, channel, interval_start_at) within each read date. A
        condition on read_date skips the files of other dates. An empty store gives an empty relation of
        the same columns and types.
        """
        return scan_sql(self.files)

    def partitions_of(self, service_point_id: str, first_date: date, last_date: date) -> list[Partition]:
        """Return the data files that can hold reads of a service point, dates included at both ends."""
        wanted = range_of(self.bounds, service_point_id)
        return [
            p
            for p in self.partitions
            if p.range_number == wanted
            and first_date <= p.read_date <= last_date
            and p.min_service_point_id <= service_point_id <= p.max_service_point_id
        ]

    def touched_since(self, version: int | None) -> list[Path] | None:
        """Return the touched-key files of every version after the given one, up to this one.

        Args:
            version: the version whose reads the caller has worked in already; None when it has none.

        Returns:
            Parquet files with service_point_id, channel, read_date (a key may occur in several), in order
            of version; empty where nothing came since. None means everything may have changed: no version
            was given, the store was rebuilt since, or the steps in between are no longer kept.
        """
        if version is None or version > self.version:
            return None
        found: list[Path] = []
        step: StoreVersion | None = self
        while step is not None and step.version > version:
            found.append(step.result.touched)
            step = None if step.previous is None else read_version(self.root, step.previous)
        return found[::-1] if step is not None and step.version == version else None


def range_of(bounds: Sequence[str], service_point_id: str) -> int:
    """Return the number of the id range a service point lies in (text order by code point)."""
    return bisect_right(bounds, service_point_id)


def scan_sql(files: Sequence[Path]) -> str:
    """Return the SQL relation over data files; an empty one of the canonical columns for none."""
    if not files:
        columns = ", ".join(f"NULL::{kind} AS {duck.ident(name)}" for name, kind in READ_COLUMNS.items())
        return f"(SELECT {columns} WHERE false)"
    return f"read_parquet({duck.text_list(list(files))}, hive_partitioning = true, hive_types = {{'read_date': DATE}})"


def manifest_path(root: Path, version: int) -> Path:
    """Return where the manifest of a version lies."""
    return root / MANIFESTS / f"{version:08d}.json"


def touched_name(version: int) -> str:
    """Return the path, relative to the root, of a version's touched keys."""
    return f"{TOUCHED}/{version:08d}.parquet"


def conflicts_name(version: int) -> str:
    """Return the path, relative to the root, of a version's conflicts."""
    return f"{CONFLICTS}/{version:08d}.parquet"


def current_number(root: Path) -> int | None:
    """Return the number of the version that counts, None before the first merge.

    Raises:
        TerminalError: `reads.damaged` when CURRENT does not hold a number.
    """
    try:
        content = (root / CURRENT).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    if not content.isdecimal():
        raise TerminalError(
            "reads.damaged", f"{root / CURRENT} does not hold a version number", "rebuild the store from the lake"
        )
    return int(content)


def read_version(root: Path, version: int) -> StoreVersion | None:
    """Read a manifest; None where it is not (or no longer) there.

    Raises:
        TerminalError: `reads.damaged` when the file is not a manifest.
    """
    path = manifest_path(root, version)
    try:
        return _decode(root, json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as e:
        raise TerminalError(
            "reads.damaged", f"{path} is not a manifest of the reads store", "rebuild the store from the lake"
        ) from e


def versions(root: Path) -> list[int]:
    """Return the numbers of the manifests on disk, oldest first."""
    return sorted(int(p.stem) for p in (root / MANIFESTS).glob("*.json") if p.stem.isdecimal())


def switch(version: StoreVersion) -> None:
    """Make a version the current one: flush all it needs, write its manifest, replace CURRENT.

    A kill at any moment leaves either the version before or this one, each whole.
    """
    root = version.root
    path = manifest_path(root, version.version)
    path.parent.mkdir(parents=True, exist_ok=True)
    durable.write_text(path, json.dumps(_encode(version), indent=1, sort_keys=True) + "\n")
    durable.write_text(root / CURRENT, f"{version.version:08d}\n")


def _encode(version: StoreVersion) -> dict[str, Any]:
    result = version.result
    return {
        "version": version.version,
        "previous": version.previous,
        "created_at": version.created_at.isoformat(),
        "bounds": list(version.bounds),
        "zones": list(version.zones),
        "files": [_plain(asdict(p)) for p in version.partitions],
        "merged_loads": list(result.loads),
        "loads": list(version.loads),
        "lake": [_plain(asdict(load)) for load in version.lake_loads],
        "counts": {
            "rows_in": result.rows_in,
            "inserted": result.inserted,
            "updated": result.updated,
            "unchanged": result.unchanged,
            "conflicts": result.conflicts,
        },
        "touched": _relative(version.root, result.touched),
        "conflict_file": _relative(version.root, result.conflict_file) if result.conflict_file else None,
    }


def _decode(root: Path, raw: dict[str, Any]) -> StoreVersion:
    conflict_file = raw["conflict_file"]
    result = MergeResult(
        version=raw["version"],
        touched=root / raw["touched"],
        loads=tuple(raw["merged_loads"]),
        conflict_file=root / conflict_file if conflict_file else None,
        **raw["counts"],
    )
    return StoreVersion(
        root=root,
        version=raw["version"],
        previous=raw["previous"],
        created_at=datetime.fromisoformat(raw["created_at"]),
        bounds=tuple(raw["bounds"]),
        partitions=tuple(_partition(p) for p in raw["files"]),
        loads=tuple(raw["loads"]),
        lake_loads=tuple(_lake_load(load) for load in raw["lake"]),
        result=result,
    )


def _partition(raw: dict[str, Any]) -> Partition:
    return Partition(**raw | {"read_date": date.fromisoformat(raw["read_date"]), "zones": tuple(raw["zones"])})


def _lake_load(raw: dict[str, Any]) -> LakeLoad:
    dates = {name: date.fromisoformat(raw[name]) if raw[name] else None for name in ("first_date", "last_date")}
    return LakeLoad(**raw | dates | {"files": tuple(raw["files"])})


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in record.items()}


def _relative(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def unique(numbers: Iterable[int]) -> tuple[int, ...]:
    """Return numbers sorted, each once."""
    return tuple(sorted(set(numbers)))
