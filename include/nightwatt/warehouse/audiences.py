"""What audiences see: files of their own, made from a publication by declaration, numbered as it is.

Belongs here: making, showing and clearing away an audience's publication. Does not belong here: what it may see
(`contracts/audience.py`, `audience_tables.py`) and the full publication (`publish.py`), which calls this at its own
commit point.

Each audience has a folder: `data` with Parquet that nobody else's views name, `versions`, and `nightwatt.duckdb` that
its readers open. An audience shows a publication once its small file is renamed in; whatever was interrupted before
that is made again, from the full publication's files, by the next attempt.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from nightwatt import duck, durable, log
from nightwatt.contracts.audience import Audience
from nightwatt.errors import TerminalError
from nightwatt.ledger.checks import CheckResult
from nightwatt.settings import Settings
from nightwatt.warehouse import duck_file, publication_checks, versions
from nightwatt.warehouse.audience_tables import Classes, SeenTable, declaration, seen_tables
from nightwatt.warehouse.mask_key import MaskKey
from nightwatt.warehouse.versions import DataFile, TableEntry, Version

_log = log.get("warehouse")

STEPS = ("publish.audience_table", "publish.audience_made", "publish.audience_shown")
"""Told as they are done, the first once a file, the others once an audience."""

_FOLDER, _FILE = 0o750, 0o640

At = Callable[[str], None]


@dataclass(frozen=True)
class Audiences:
    """The audiences of a deployment, and what is needed to make their files."""

    declared: Sequence[Audience] = ()
    classes: Classes | None = None
    key: MaskKey | None = None

    @property
    def fingerprint(self) -> str:
        """A word for the key."""
        return self.key.fingerprint if self.key else ""


@dataclass(frozen=True)
class Terms:
    """What showing needs besides: files changed before this are old, and whom to tell of the steps."""

    before: datetime
    at: At = lambda _: None


@dataclass(frozen=True)
class Made:
    """An audience's publication, written aside and checked."""

    audience: Audience
    version: Version
    aside: Path
    results: tuple[CheckResult, ...]


def folder_of(settings: Settings, audience: str) -> Path:
    """Return an audience's folder."""
    return settings.audiences / audience


def file_of(settings: Settings, audience: str) -> Path:
    """Return the path an audience's readers open."""
    return folder_of(settings, audience) / "nightwatt.duckdb"


def data_of(settings: Settings, audience: str) -> Path:
    """Return the folder of an audience's Parquet."""
    return folder_of(settings, audience) / "data"


def shown(settings: Settings) -> list[str]:
    """Return the audiences that see something."""
    return sorted(p.parent.name for p in settings.audiences.glob("*/nightwatt.duckdb"))


def check(settings: Settings, audiences: Audiences, tables: Mapping[str, TableEntry]) -> None:
    """Hold every declaration against the tables of a publication, before anything is written.

    Raises:
        TerminalError: as `seen_tables` does; `audience.mask_key`.
    """
    for audience in audiences.declared:
        _seen(settings, audiences, audience, tables)


def make(settings: Settings, audiences: Audiences, version: Version, at: At) -> list[Made]:
    """Write aside what every audience sees of a publication. Files that are there already are not written again."""
    found = []
    for audience in audiences.declared:
        found.append(_make(settings, audiences, audience, version, at))
        at("publish.audience_made")
    return found


def show(settings: Settings, audiences: Audiences, made: Sequence[Made], terms: Terms) -> None:
    """Let readers see what was made; take away what is no longer declared, or was made by another declaration."""
    for one in made:
        name = one.audience.audience
        kept = _versions(settings, name) / f"{one.version.sequence:010d}.duckdb"
        durable.put_in_place(one.aside, kept)
        durable.copy_into_place(kept, file_of(settings, name))
        file_of(settings, name).chmod(_FILE)
        terms.at("publish.audience_shown")
        _collect(settings, audiences, one.audience, terms.before)
    _withdraw(settings, audiences)


def make_missing(settings: Settings, audiences: Audiences, standing: Version, terms: Terms) -> list[Made]:
    """Make what audiences lack of a publication: after an interruption, a new declaration, or going back.

    Raises:
        TerminalError: `audience.refused`, when what was made does not keep to its declaration.
    """
    behind = [a for a in audiences.declared if not _is_current(settings, audiences, a, standing)]
    made = make(settings, replace(audiences, declared=behind), standing, terms.at)
    stopping = [r for one in made for r in one.results if r.stops]
    if stopping:
        raise TerminalError(
            "audience.refused",
            "; ".join(f"{r.code}: {r.message}" for r in stopping),
            "the audience keeps what it has; look at the declaration and publish again",
        )
    return made


def _seen(
    settings: Settings, audiences: Audiences, audience: Audience, tables: Mapping[str, TableEntry]
) -> list[SeenTable]:
    seen = seen_tables(audience, tables, audiences.classes or {}, versions.data_folder(settings))
    if audiences.key is None and any(t.is_hashed for t in seen):
        raise TerminalError(
            "audience.mask_key", f"audience {audience.audience} hashes columns and no key is given",
            "set NIGHTWATT_MASK_KEY or NIGHTWATT_MASK_KEY_FILE",
        )  # fmt: skip
    return seen


def _make(settings: Settings, audiences: Audiences, audience: Audience, version: Version, at: At) -> Made:
    name = audience.audience
    _folders(settings, name)
    entries: dict[str, TableEntry] = {}
    results: list[CheckResult] = []
    with duck.memory_engine(settings) as con:
        for seen in _seen(settings, audiences, audience, version.tables):
            files = []
            for source in seen.source.files:
                files.append(_file(con, settings, audiences, name, seen, source))
                at("publish.audience_table")
            entries[seen.name] = TableEntry(
                domain=seen.source.domain,
                columns=tuple((c.name, c.kind) for c in seen.columns),
                primary_key=seen.primary_key,
                description=seen.source.description,
                rows=sum(f.rows for f in files),
                content=" ".join(f.path for f in files),
                files=tuple(files),
            )
            results += _check_columns(con, settings, name, seen, files)
    mine = Version(version.sequence, version.publications, entries)
    aside = _versions(settings, name) / f"{version.sequence:010d}.duckdb.new"
    versions.write_version(settings, mine, aside, data_of(settings, name))
    with duck_file.open_for_writing(settings, aside) as con:
        con.execute("create table meta.audience (audience varchar, title varchar, declaration varchar)")
        con.execute(
            "insert into meta.audience values (?, ?, ?)",
            [name, audience.title, declaration(audience, audiences.fingerprint)],
        )
    aside.chmod(_FILE)
    seen_through = publication_checks.check_views(settings, mine, aside)
    results += [replace(r, subject=f"{name}.{r.subject}") for r in seen_through]
    return Made(audience, mine, aside, tuple(results))


def _file(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    audiences: Audiences,
    audience: str,
    seen: SeenTable,
    source: DataFile,
) -> DataFile:
    """Write one file of a table as the audience sees it, unless it is there."""
    digest = seen.digest(audience, source.path, audiences.fingerprint)
    path = f"{seen.name}/{source.partition}-{digest}.parquet"
    final = data_of(settings, audience) / path
    if not final.exists():
        final.parent.mkdir(mode=_FOLDER, exist_ok=True)
        final.parent.chmod(_FOLDER)
        aside = durable.aside_of(final)
        select = seen.select(versions.data_folder(settings) / source.path)
        parameters = dict(audiences.key.parameters) if audiences.key and seen.is_hashed else {}
        try:
            con.execute(f"copy ({select}) to {duck.text(aside)} (format parquet, compression zstd)", parameters)
        except duckdb.Error as e:
            # The engine's own words may quote a value, or what it was given to hide it.
            raise TerminalError(
                "audience.failed",
                f"audience {audience}: {seen.name} cannot be written ({type(e).__name__})",
                "look at room on the disk and at the table's columns, then publish again",
            ) from None
        aside.chmod(_FILE)
        durable.put_in_place(aside, final)
    row = con.execute(f"select count(*) from read_parquet({duck.text(final)})").fetchone()
    assert row is not None  # noqa: S101  (an aggregate gives one row)
    return DataFile(path, source.partition, row[0], {})


def _check_columns(
    con: duckdb.DuckDBPyConnection, settings: Settings, audience: str, seen: SeenTable, files: Sequence[DataFile]
) -> Iterator[CheckResult]:
    """Read the written files back: these columns and no other."""
    declared = [(c.name, c.kind) for c in seen.columns]
    for file in files:
        source = duck.text(data_of(settings, audience) / file.path)
        described = con.execute(f"describe from read_parquet({source}, hive_partitioning = false)").fetchall()
        if [(str(r[0]), str(r[1])) for r in described] != declared:
            yield CheckResult(
                "publish.audience", f"{audience}.{seen.name}", False, True,
                f"audience {audience}: {seen.name} was written with other columns than declared",
                {"declared": [c for c, _ in declared], "file": [str(r[0]) for r in described]},
            )  # fmt: skip


def _is_current(settings: Settings, audiences: Audiences, audience: Audience, standing: Version) -> bool:
    path = file_of(settings, audience.audience)
    if not path.exists():
        return False
    version = versions.read_version(settings, path)
    gone = [f.path for t in version.tables.values() for f in t.files
            if not (data_of(settings, audience.audience) / f.path).exists()]  # fmt: skip
    same = version.sequence == standing.sequence and not gone
    return same and _declaration_of(settings, path) == declaration(audience, audiences.fingerprint)


def _declaration_of(settings: Settings, path: Path) -> str | None:
    with duck_file.attached(settings, path) as con:
        row = con.execute("select declaration from meta.audience").fetchone()
    return str(row[0]) if row else None


def _collect(settings: Settings, audiences: Audiences, audience: Audience, before: datetime) -> None:
    """Delete versions beyond those kept, all those another declaration made, and Parquet that none of them needs."""
    name = audience.audience
    wanted = declaration(audience, audiences.fingerprint)
    paths = sorted(_versions(settings, name).glob("*.duckdb"))
    ours = [p for p in paths if _declaration_of(settings, p) == wanted]
    kept = ours[-audience.keep :]
    standing = versions.read_version(settings, file_of(settings, name))
    needed = _needed([standing, *(versions.read_version(settings, p) for p in kept)])
    recent = _needed([versions.read_version(settings, p) for p in ours])
    for path in set(paths) - set(kept):
        path.unlink()
    for path in _versions(settings, name).glob("*.new*"):  # of a publication that was refused, or killed
        path.unlink()
    data = data_of(settings, name)
    for path in sorted(data.glob("*/*")):
        file = path.relative_to(data).as_posix()
        # A query may still run on what this declaration made; what another one made may show too much.
        is_young = datetime.fromtimestamp(path.stat().st_mtime, UTC) >= before
        if file not in needed and not (file in recent and is_young):
            path.unlink()


def _needed(found: Sequence[Version]) -> set[str]:
    return {f.path for v in found for t in v.tables.values() for f in t.files}


def _withdraw(settings: Settings, audiences: Audiences) -> None:
    """Take away the folders of audiences that are declared no more."""
    names = {a.audience for a in audiences.declared}
    for folder in sorted(settings.audiences.glob("*")):
        if folder.is_dir() and folder.name not in names:
            (folder / "nightwatt.duckdb").unlink(missing_ok=True)
            shutil.rmtree(folder)
            _log.warning("audience withdrawn", audience=folder.name)


def _folders(settings: Settings, audience: str) -> None:
    own = folder_of(settings, audience)
    for folder in (settings.audiences, own, data_of(settings, audience), _versions(settings, audience)):
        folder.mkdir(mode=_FOLDER, parents=True, exist_ok=True)
        folder.chmod(_FOLDER)


def _versions(settings: Settings, audience: str) -> Path:
    return folder_of(settings, audience) / "versions"
