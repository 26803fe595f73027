"""What a merge has to do: which lake rows lie in which cells, and which cells are worked on together.

Belongs here: checking lake files, choosing id ranges, counting rows per cell, grouping cells into batches.
Does not belong here: the latest-wins rule (`latest.py`) and writing (`batches.py`).

A cell is one local read date and one id range: the content of one data file. Almost every batch is one big
cell, or many small cells of one range. Cells of neighbouring dates must share a batch only where a service
point's reads came under two time zones, because one instant can then carry two read dates.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import duckdb

from nightwatt import duck
from nightwatt.contracts.canonical import READ_COLUMNS
from nightwatt.errors import TerminalError
from nightwatt.reads.manifest import LakeLoad, Partition

ROWS_PER_FILE = 1_500_000
"""Rows a data file should have: small enough to sort in a share of 2 GB, large enough to be few."""

MAX_RANGES = 64
SAMPLE_FROM_ROWS = 2_000_000
SAMPLE_SHARE = 64
BIG_CELL_ROWS = 200_000
"""From this many rows a cell is a batch of its own; smaller ones are sorted together, then split by date."""

NEIGHBOUR_DAYS = 2
"""How far apart the read dates of one instant can lie: the world's offsets span 26 hours."""

_NEEDED = ("service_point_id", "channel", "interval_start_at", "read_date", "zone", "receipt_id", "load_sequence")

CellKey = tuple[date, int]


@dataclass
class Cell:
    """One read date and id range with what a merge brings to it.

    Attributes:
        key: read date and number of the id range.
        rows: rows being merged into it.
        files: the lake files that hold them.
        zones: the time zones they count in.
        stored: its present data file, if it has one.
    """

    key: CellKey
    rows: int = 0
    files: set[Path] = field(default_factory=set)
    zones: set[str] = field(default_factory=set)
    stored: Partition | None = None

    @property
    def size(self) -> int:
        """Rows to sort: those being merged and those in the store."""
        return self.rows + (self.stored.row_count if self.stored else 0)


@dataclass(frozen=True)
class Batch:
    """Cells of one id range that are read, sorted and written together.

    Attributes:
        range_number: the id range.
        cells: its cells by date.
        is_linked: a read may lie in two of these cells, so that dates must not be kept apart.
    """

    range_number: int
    cells: tuple[Cell, ...]
    is_linked: bool = False

    @property
    def size(self) -> int:
        """Rows to sort."""
        return sum(c.size for c in self.cells)


@dataclass(frozen=True)
class Incoming:
    """What the lake files hold.

    Attributes:
        rows: rows of the loads being merged.
        cells: by read date and id range.
        loads: what the manifest keeps about each load.
    """

    rows: int
    cells: Mapping[CellKey, Cell]
    loads: tuple[LakeLoad, ...]


def check_columns(con: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> None:
    """Make sure every file has exactly the canonical columns.

    Raises:
        TerminalError: `reads.lake_columns` or `reads.lake_unreadable`, naming the file.
    """
    for path in files:
        try:
            described = con.execute(f"DESCRIBE SELECT * FROM {lake_sql([path])}").fetchall()
        except duckdb.Error as e:
            raise TerminalError(
                "reads.lake_unreadable", f"{path} cannot be read as Parquet", "load its receipt again"
            ) from e
        found = {name: kind for name, kind, *_ in described}
        if list(found.items()) != list(READ_COLUMNS.items()):
            wrong = sorted(set(READ_COLUMNS.items()) ^ set(found.items())) or "their order"
            raise TerminalError(
                "reads.lake_columns",
                f"{path} does not have the canonical columns: {wrong}",
                "load its receipt again with this version of NightWatt",
            )


def lake_sql(files: Iterable[Path]) -> str:
    """Return the SQL relation over lake files, read as they are (folder names are not columns)."""
    return f"read_parquet({duck.text_list(list(files))}, hive_partitioning = false)"


def choose_bounds(con: duckdb.DuckDBPyConnection, files: Sequence[Path], row_target: int) -> tuple[str, ...]:
    """Choose the lower ends of the id ranges 1, 2, ... so that a day's files have about `row_target` rows.

    Looks at the real ids: every service point with its rows, or a fixed share of the service points (by the
    hash of the id, so that the same files always give the same ranges) where there are many rows.
    """
    if not files:
        return ()
    relation = lake_sql(files)
    days = con.execute(f"SELECT count(*) FROM {relation} GROUP BY read_date").fetchall()
    total, busiest = sum(n for (n,) in days), max((n for (n,) in days), default=0)
    wanted = min(MAX_RANGES, -(-busiest // row_target))
    if wanted <= 1:
        return ()
    share = f"WHERE hash(service_point_id) % {SAMPLE_SHARE} = 0" if total >= SAMPLE_FROM_ROWS else ""
    counted = con.execute(f"SELECT service_point_id, count(*) FROM {relation} {share} GROUP BY 1 ORDER BY 1").fetchall()
    seen, sampled = 0, sum(n for _, n in counted)
    bounds: list[str] = []
    for service_point_id, rows in counted:
        if seen * wanted >= sampled * (len(bounds) + 1):
            bounds.append(service_point_id)
        seen += rows
    return tuple(bounds)


def range_sql(bounds: Sequence[str], low: int = 0) -> str:
    """Return the SQL expression for a row's id range: a tree of comparisons, so few per row."""
    if not bounds:
        return str(low)
    middle = len(bounds) // 2
    below = range_sql(bounds[:middle], low)
    above = range_sql(bounds[middle + 1 :], low + middle + 1)
    return f"CASE WHEN service_point_id < {duck.text(bounds[middle])} THEN {below} ELSE {above} END"


def count_incoming(
    con: duckdb.DuckDBPyConnection,
    files: Sequence[Path],
    loads: Sequence[int],
    ignored: Collection[int],
    *,
    bounds: Sequence[str],
    stored: Mapping[CellKey, Partition],
    root: Path,
) -> Incoming:
    """Count the rows of the loads by cell, in one scan of the lake files; skip rows of ignored loads.

    Raises:
        TerminalError: `reads.lake_null` where a column that must be filled is not, `reads.lake_loads` where
            a file holds rows of a load that is neither being merged nor merged before.
    """
    cells: dict[CellKey, Cell] = {}
    by_load: dict[int, list[tuple[Path, date, int, int]]] = {sequence: [] for sequence in loads}
    total = 0
    for name, day, number, sequence, low, high, zones, rows, is_broken in _counts(con, files, bounds):
        path = Path(name)
        if is_broken:
            raise TerminalError(
                "reads.lake_null", f"{path} has rows without one of {', '.join(_NEEDED)}", "load its receipt again"
            )
        if sequence in ignored:
            continue
        if sequence not in by_load:
            raise TerminalError(
                "reads.lake_loads",
                f"{path} holds rows of load {sequence}, which is not among the loads given",
                "name every load of the files",
            )
        total += rows
        key = (day, number)
        cell = cells.setdefault(key, Cell(key, stored=stored.get(key)))
        cell.rows += rows
        cell.files.add(path)
        cell.zones.update(zones)
        by_load[sequence].append((path, day, low, high))
    return Incoming(total, cells, tuple(_lake_load(root, sequence, seen) for sequence, seen in by_load.items()))


def _counts(
    con: duckdb.DuckDBPyConnection, files: Sequence[Path], bounds: Sequence[str]
) -> list[tuple[str, date, int, int, int, int, list[str], int, bool]]:
    if not files:
        return []
    is_broken = " OR ".join(f"{column} IS NULL" for column in _NEEDED)
    return con.execute(
        f"""
        SELECT filename, read_date, {range_sql(bounds)} AS _range, load_sequence,
            min(receipt_id), max(receipt_id), list(DISTINCT zone), count(*), bool_or({is_broken})
        FROM {lake_sql(files)}
        GROUP BY ALL
        ORDER BY ALL
        """
    ).fetchall()


def _lake_load(root: Path, sequence: int, seen: Sequence[tuple[Path, date, int, int]]) -> LakeLoad:
    if not seen:
        return LakeLoad(sequence, -1, -1, None, None, ())
    return LakeLoad(
        sequence=sequence,
        min_receipt=min(low for _, _, low, _ in seen),
        max_receipt=max(high for *_, high in seen),
        first_date=min(day for _, day, _, _ in seen),
        last_date=max(day for _, day, _, _ in seen),
        files=tuple(sorted({os.path.relpath(path, root) for path, *_ in seen})),
    )


def range_condition(bounds: Sequence[str], number: int) -> str:
    """Return the SQL condition that a row lies in an id range."""
    parts = []
    if number > 0:
        parts.append(f"service_point_id >= {duck.text(bounds[number - 1])}")
    if number < len(bounds):
        parts.append(f"service_point_id < {duck.text(bounds[number])}")
    return " AND ".join(parts) or "true"


def plan_batches(
    con: duckdb.DuckDBPyConnection,
    incoming: Incoming,
    stored: Mapping[CellKey, Partition],
    bounds: Sequence[str],
    root: Path,
    row_target: int,
) -> list[Batch]:
    """Group the cells that a merge concerns into batches, the biggest first."""
    cells = dict(incoming.cells)
    batches: list[Batch] = []
    for group in _linked(con, cells, stored, bounds, root):
        members = [cells.pop(key) if key in cells else Cell(key, stored=stored[key]) for key in sorted(group)]
        batches.append(Batch(members[0].key[1], tuple(members), is_linked=True))
    small: dict[int, list[Cell]] = defaultdict(list)
    for key in sorted(cells):
        cell = cells[key]
        if cell.size >= BIG_CELL_ROWS:
            batches.append(Batch(key[1], (cell,)))
        else:
            small[key[1]].append(cell)
    for number, members in small.items():
        batches += (Batch(number, part) for part in _packed(members, row_target))
    return sorted(batches, key=lambda b: (-b.size, b.range_number, b.cells[0].key))


def _packed(cells: Sequence[Cell], row_target: int) -> Iterable[tuple[Cell, ...]]:
    part: list[Cell] = []
    rows = 0
    for cell in cells:
        if part and rows + cell.size > row_target:
            yield tuple(part)
            part, rows = [], 0
        part.append(cell)
        rows += cell.size
    if part:
        yield tuple(part)


def _linked(
    con: duckdb.DuckDBPyConnection,
    cells: Mapping[CellKey, Cell],
    stored: Mapping[CellKey, Partition],
    bounds: Sequence[str],
    root: Path,
) -> list[set[CellKey]]:
    """Return groups of cells that a read could move between: neighbouring dates, one id, two zones.

    Costs nothing while a range and its neighbouring dates know a single zone; otherwise looks which service
    points have two, and only those link their dates.
    """
    near: dict[int, list[CellKey]] = defaultdict(list)
    zones: dict[int, set[str]] = defaultdict(set)
    for key in sorted(_neighbourhood(cells)):
        if found := _zones(key, cells, stored):
            near[key[1]].append(key)
            zones[key[1]] |= found
    groups: list[set[CellKey]] = []
    for number, keys in near.items():
        if len(zones[number]) > 1:
            relation = _ids_sql(keys, cells, stored, root, range_condition(bounds, number))
            groups += _grouped(con.execute(_pairs_sql(relation)).fetchall(), number)
    return [group for group in groups if not group.isdisjoint(cells)]


def _neighbourhood(cells: Mapping[CellKey, Cell]) -> set[CellKey]:
    steps = range(-NEIGHBOUR_DAYS, NEIGHBOUR_DAYS + 1)
    return {(day + timedelta(days=n), number) for day, number in cells for n in steps}


def _zones(key: CellKey, cells: Mapping[CellKey, Cell], stored: Mapping[CellKey, Partition]) -> set[str]:
    zones = set(cells[key].zones) if key in cells else set()
    return zones | set(stored[key].zones) if key in stored else zones


def _ids_sql(
    keys: Sequence[CellKey],
    cells: Mapping[CellKey, Cell],
    stored: Mapping[CellKey, Partition],
    root: Path,
    condition: str,
) -> str:
    lake = sorted({path for key in keys if key in cells for path in cells[key].files})
    kept = [root / stored[key].path for key in keys if key in stored]
    wanted = "SELECT DISTINCT service_point_id, zone, read_date FROM"
    parts = [f"{wanted} {lake_sql(lake)} WHERE {condition}"] if lake else []
    if kept:
        parts.append(f"{wanted} {lake_sql(kept)}")
    return " UNION ".join(parts)


def _pairs_sql(relation: str) -> str:
    return f"""
        WITH seen AS ({relation}),
        moved AS (
            SELECT * FROM seen SEMI JOIN (
                SELECT service_point_id FROM seen GROUP BY 1 HAVING min(zone) <> max(zone)
            ) USING (service_point_id)
        )
        SELECT DISTINCT a.read_date, b.read_date
        FROM moved AS a JOIN moved AS b USING (service_point_id)
        WHERE a.zone <> b.zone AND b.read_date - a.read_date BETWEEN 1 AND {NEIGHBOUR_DAYS}
            OR a.zone <> b.zone AND a.read_date - b.read_date BETWEEN 1 AND {NEIGHBOUR_DAYS}
        ORDER BY ALL
    """


def _grouped(pairs: Sequence[tuple[date, date]], number: int) -> list[set[CellKey]]:
    groups: list[set[CellKey]] = []
    for pair in pairs:
        joined = {(day, number) for day in pair}
        apart = [group for group in groups if group.isdisjoint(joined)]
        for group in groups:
            if not group.isdisjoint(joined):
                joined |= group
        groups = [*apart, joined]
    return groups
