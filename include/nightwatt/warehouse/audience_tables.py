"""An audience's declaration held against the tables there are: columns, treatments, rows, as SQL.

Belongs here: what each audience sees of each table, and every fault of a declaration. Does not belong here: the
grammar (contracts) and writing (`audiences.py`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nightwatt import duck
from nightwatt.contracts.audience import Audience, AudienceTable, Rows, Treatment
from nightwatt.errors import TerminalError
from nightwatt.warehouse.mask_key import masked
from nightwatt.warehouse.versions import TableEntry

_FORMAT = "1"  # raised when the same declaration should give other files

Classes = Mapping[str, Mapping[str, str]]
"""By table and column, the class of personal data that the models give it."""


@dataclass(frozen=True)
class SeenColumn:
    """One column as an audience sees it."""

    name: str
    kind: str  # DuckDB type it has in the audience's file
    treatment: Treatment  # show or hash


@dataclass(frozen=True)
class SeenTable:
    """One table as an audience sees it."""

    name: str
    source: TableEntry
    columns: tuple[SeenColumn, ...]
    condition: str  # SQL over the source's columns; empty for all rows
    depends_on: tuple[str, ...]  # files of other tables that the condition looks into

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The key, where the audience sees all of it."""
        names = {c.name for c in self.columns}
        return self.source.primary_key if names >= set(self.source.primary_key) else ()

    @property
    def is_hashed(self) -> bool:
        """Whether any column is."""
        return any(c.treatment == "hash" for c in self.columns)

    def digest(self, audience: str, file: str, fingerprint: str) -> str:
        """Return what names the content of one file: where it comes from, and all that was done to it."""
        columns = [(c.name, c.kind, c.treatment) for c in self.columns]
        key = fingerprint if self.is_hashed else ""
        parts = [_FORMAT, audience, file, columns, self.primary_key, self.condition, self.depends_on, key]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]

    def select(self, source: Path) -> str:
        """Return the rows of one file as the audience sees them, in an order that tells nothing of hidden values."""
        names = ", ".join(_treated(c) for c in self.columns)
        where = f" where {self.condition}" if self.condition else ""
        order = ", ".join(duck.ident(k) for k in self.primary_key) or "all"
        rows = f"select {names} from read_parquet({duck.text(source)}, hive_partitioning = false){where}"
        return f"select * from ({rows}) order by {order}"


def declaration(audience: Audience, fingerprint: str) -> str:
    """Return what names a declaration: files made by another one must not stay."""
    return hashlib.sha256(f"{_FORMAT} {audience.model_dump_json()} {fingerprint}".encode()).hexdigest()[:24]


def seen_tables(audience: Audience, tables: Mapping[str, TableEntry], classes: Classes, data: Path) -> list[SeenTable]:
    """Return what an audience sees of the tables of a publication.

    A table that the models make and that is not published yet (another domain's) is left out, and so is what
    depends on it.

    Args:
        audience: the declaration.
        tables: the published tables.
        classes: classes of personal data, for all tables that the models publish.
        data: folder of the published Parquet.

    Raises:
        TerminalError: `audience.unknown_table`, `audience.unknown_column`, `audience.hidden_column`,
            `audience.not_boolean`.
    """
    look = _Look(audience, tables, classes, data)
    return [seen for wanted in audience.tables if (seen := look.table(wanted)) is not None]


@dataclass(frozen=True)
class _Look:
    """One audience looking at one publication."""

    audience: Audience
    tables: Mapping[str, TableEntry]
    classes: Classes
    data: Path

    def table(self, wanted: AudienceTable) -> SeenTable | None:
        entry = self.entry(wanted.table)
        if entry is None or not self.can_follow(wanted.rows):
            return None
        kinds = dict(entry.columns)
        self.check_named(wanted.table, kinds, (*(wanted.columns or wanted.all_but or ()), *wanted.show))
        columns = tuple(self.columns(wanted, kinds))
        if not columns:
            raise self.fault(
                f"table {wanted.table}: no column is left", "name classes to show", code="audience.hidden_column"
            )
        condition = self.condition(wanted.table, wanted.rows)
        return SeenTable(wanted.table, entry, columns, condition, tuple(sorted(self.files_of(wanted.rows))))

    def entry(self, name: str) -> TableEntry | None:
        """Return a published table; None for one that is still to come."""
        entry = self.tables.get(name)
        if entry is not None and entry.reads_files is None:
            return entry
        if entry is None and name in self.classes:
            return None
        problem = f"table {name} " + ("is not published" if entry is None else "is a view on the reads store")
        known = sorted(n for n, t in self.tables.items() if t.reads_files is None)
        raise self.fault(problem, f"name one of {', '.join(known)}", code="audience.unknown_table")

    def columns(self, wanted: AudienceTable, kinds: Mapping[str, str]) -> Iterator[SeenColumn]:
        classes = self.classes.get(wanted.table, {})
        for name, kind in kinds.items():
            is_named = wanted.columns is not None and name in wanted.columns
            if not is_named and (wanted.columns is not None or name in (wanted.all_but or ())):
                continue
            treatment = "show" if name in wanted.show else self.audience.treatment(classes.get(name, "(unclassified)"))
            if treatment != "drop":
                yield SeenColumn(name, "VARCHAR" if treatment == "hash" else kind, treatment)
            elif is_named:
                raise self.fault(
                    f"column {wanted.table}.{name} is asked for, but its class, {classes.get(name, 'none given')}, "
                    "is dropped",
                    "take it out of `columns`, list it under `show`, or treat its class otherwise",
                    code="audience.hidden_column",
                )

    def can_follow(self, rows: Rows | None) -> bool:
        """Whether every table that a row filter looks into is published."""
        if rows is None or rows.table is None:
            return True
        theirs = self.declared(rows.table)
        return self.entry(rows.table) is not None and self.can_follow(theirs.rows if theirs else None)

    def condition(self, name: str, rows: Rows | None) -> str:
        """Return SQL that is true for the rows of a table that the audience sees."""
        if rows is None:
            return ""
        if rows.table is None:
            assert rows.where is not None  # noqa: S101  (the grammar's own check)
            return self.flag(name, rows.where)
        assert rows.through is not None  # noqa: S101  (the grammar's own check)
        their = rows.their or rows.through
        self.check_named(name, dict(self.tables[name].columns), (rows.through,))
        self.check_named(rows.table, dict(self.tables[rows.table].columns), (their,))
        theirs = self.declared(rows.table)
        conditions = [self.condition(rows.table, theirs.rows)] if theirs and theirs.rows else []
        conditions += [self.flag(rows.table, rows.where)] if rows.where else []
        where = f" where {' and '.join(conditions)}" if conditions else ""
        return f"{duck.ident(rows.through)} in (select {duck.ident(their)} from {self.scan(rows.table)}{where})"

    def flag(self, name: str, column: str) -> str:
        kinds = dict(self.tables[name].columns)
        self.check_named(name, kinds, (column,))
        if kinds[column] != "BOOLEAN":
            raise self.fault(
                f"column {name}.{column} is {kinds[column]}",
                "`where` takes a column of true and false",
                code="audience.not_boolean",
            )
        return f"coalesce({duck.ident(column)}, false)"

    def scan(self, name: str) -> str:
        entry = self.tables[name]
        if not entry.files:
            typed = ", ".join(f"null::{t} as {duck.ident(c)}" for c, t in entry.columns)
            return f"(select {typed} where false)"
        files = [str(self.data / f.path) for f in entry.files]
        return f"read_parquet({duck.text_list(files)}, hive_partitioning = false)"

    def files_of(self, rows: Rows | None) -> set[str]:
        if rows is None or rows.table is None:
            return set()
        theirs = self.declared(rows.table)
        return {f.path for f in self.tables[rows.table].files} | self.files_of(theirs.rows if theirs else None)

    def declared(self, name: str) -> AudienceTable | None:
        return next((t for t in self.audience.tables if t.table == name), None)

    def check_named(self, table: str, kinds: Mapping[str, str], names: tuple[str, ...]) -> None:
        if unknown := sorted(set(names) - set(kinds)):
            raise self.fault(
                f"table {table} has no column {', '.join(unknown)}",
                f"name some of {', '.join(kinds)}",
                code="audience.unknown_column",
            )

    def fault(self, problem: str, remedy: str, *, code: str) -> TerminalError:
        return TerminalError(code, f"audience {self.audience.audience}: {problem}", remedy)


def _treated(column: SeenColumn) -> str:
    name = duck.ident(column.name)
    return name if column.treatment == "show" else f"{masked(name)} as {name}"
