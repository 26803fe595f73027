"""Versions of the published warehouse: what each holds, which one readers see, which are kept.

Belongs here: paths, the manifest that every published file carries inside, the views. Does not belong
here: deciding what is published (`publish.py`) and what is deleted (`retention.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from nightwatt import duck
from nightwatt.settings import Settings
from nightwatt.warehouse import duck_file
from nightwatt.warehouse.inputs import reads_scan


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of a table. Its name tells its content, so it is never written twice or changed."""

    path: str  # below `published/data`
    partition: str  # month, or `all`
    rows: int
    sums: Mapping[str, str]  # decimal columns


@dataclass(frozen=True)
class TableEntry:
    """One table of a version."""

    domain: str
    columns: tuple[tuple[str, str], ...]  # name, DuckDB type
    primary_key: tuple[str, ...]
    description: str
    rows: int
    content: str  # hash of the rows; of the version number for a view on the reads store
    files: tuple[DataFile, ...] = ()
    reads_files: tuple[str, ...] | None = None  # absolute paths, for the view on the reads store

    @property
    def sums(self) -> dict[str, str]:
        """Totals of the decimal columns over all files."""
        from decimal import Decimal

        totals: dict[str, Decimal] = {}
        for file in self.files:
            for column, value in file.sums.items():
                totals[column] = totals.get(column, Decimal(0)) + Decimal(value)
        return {column: str(total) for column, total in sorted(totals.items())}


@dataclass(frozen=True)
class PublicationEntry:
    """One domain's standing publication within a version."""

    sequence: int
    domain: str
    as_of: date
    published_at: datetime
    through_sequence: int
    store_version: int | None


@dataclass(frozen=True)
class Version:
    """One state of the whole published warehouse. Its number is that of the publication that made it."""

    sequence: int
    publications: Mapping[str, PublicationEntry]  # by domain
    tables: Mapping[str, TableEntry]

    def to_json(self) -> str:
        """Return the manifest as text."""
        return json.dumps(asdict(self), default=str, ensure_ascii=False, indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Version:
        """Read a manifest back."""
        content = json.loads(text)
        publications = {d: _publication(p) for d, p in content["publications"].items()}
        return cls(content["sequence"], publications, {n: _table(t) for n, t in content["tables"].items()})


def published_file(settings: Settings) -> Path:
    """Return the path readers open."""
    return settings.published / "nightwatt.duckdb"


def data_folder(settings: Settings) -> Path:
    """Return the folder of the published Parquet."""
    return settings.published / "data"


def versions_folder(settings: Settings) -> Path:
    """Return the folder where the last versions are kept."""
    return settings.published / "versions"


def version_file(settings: Settings, sequence: int) -> Path:
    """Return the path of one kept version."""
    return versions_folder(settings) / f"{sequence:010d}.duckdb"


def manifest_file(settings: Settings, sequence: int) -> Path:
    """Return the path of the manifest beside a kept version, for people; the file carries it inside too."""
    return version_file(settings, sequence).with_suffix(".json")


def current_version(settings: Settings) -> Version | None:
    """Return what readers see now, or None when nothing is published."""
    path = published_file(settings)
    return read_version(settings, path) if path.exists() else None


def read_version(settings: Settings, path: Path) -> Version:
    """Return the manifest a published file carries."""
    with duck_file.attached(settings, path) as con:
        row = con.execute("select manifest from meta.version").fetchone()
    assert row is not None  # noqa: S101  (written with the file)
    return Version.from_json(row[0])


def kept_versions(settings: Settings) -> list[int]:
    """Return the numbers of the versions on disk, oldest first."""
    return sorted(int(p.stem) for p in versions_folder(settings).glob("*.duckdb") if p.stem.isdigit())


def write_version(settings: Settings, version: Version, path: Path, data: Path | None = None) -> None:
    """Write the small DuckDB file of a version: views over Parquet, and the tables `publication*`.

    Args:
        settings: the home.
        version: what it holds.
        path: the file.
        data: folder of its Parquet; that of the full publication otherwise.
    """
    data = data or data_folder(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.with_name(path.name + ".wal").unlink(missing_ok=True)
    with duck_file.open_for_writing(settings, path) as con:
        con.execute("BEGIN")
        _write_publications(con, version)
        for name, entry in sorted(version.tables.items()):
            con.execute(f"create view {duck.ident(name)} as {_view(data, entry)}")
            if entry.description:
                con.execute(f"comment on view {duck.ident(name)} is {duck.text(entry.description.strip())}")
        con.execute("COMMIT")


def _view(data: Path, entry: TableEntry) -> str:
    if entry.reads_files is not None:
        return reads_scan([Path(f) for f in entry.reads_files])
    if not entry.files:
        typed = ", ".join(f"null::{t} as {duck.ident(c)}" for c, t in entry.columns)
        return f"select {typed} where false"
    files = [str(data / f.path) for f in entry.files]
    names = ", ".join(duck.ident(c) for c, _ in entry.columns)
    return f"select {names} from read_parquet({duck.text_list(files)}, hive_partitioning = false)"


def _write_publications(con: duckdb.DuckDBPyConnection, version: Version) -> None:
    con.execute("create schema meta")
    con.execute("create table meta.version (sequence bigint, manifest varchar)")
    con.execute("insert into meta.version values (?, ?)", [version.sequence, version.to_json()])
    con.execute(
        "create table publication (domain varchar primary key, sequence bigint not null, as_of date not null, "
        "published_at timestamp not null, through_sequence bigint not null, store_version integer)"
    )
    for p in sorted(version.publications.values(), key=lambda p: p.domain):
        at = p.published_at.astimezone(UTC).replace(tzinfo=None)
        con.execute(
            "insert into publication values (?, ?, ?, ?, ?, ?)",
            [p.domain, p.sequence, p.as_of, at, p.through_sequence, p.store_version],
        )
    con.execute(
        "create table publication_tables (table_name varchar primary key, domain varchar, rows bigint, files integer)"
    )
    for name, t in sorted(version.tables.items()):
        count = len(t.files if t.reads_files is None else t.reads_files)
        con.execute("insert into publication_tables values (?, ?, ?, ?)", [name, t.domain, t.rows, count])
    con.execute("comment on table publication is 'Which publication of each domain this file holds, and as of when.'")
    con.execute("comment on table publication_tables is 'Rows and files of each table at publication.'")


def _publication(content: dict[str, Any]) -> PublicationEntry:
    return PublicationEntry(
        **{
            **content,
            "as_of": date.fromisoformat(content["as_of"]),
            "published_at": datetime.fromisoformat(content["published_at"]),
        }
    )


def _table(content: dict[str, Any]) -> TableEntry:
    return TableEntry(
        domain=content["domain"],
        columns=tuple((c, t) for c, t in content["columns"]),
        primary_key=tuple(content["primary_key"]),
        description=content["description"],
        rows=content["rows"],
        content=content["content"],
        files=tuple(DataFile(**f) for f in content["files"]),
        reads_files=None if content["reads_files"] is None else tuple(content["reads_files"]),
    )
