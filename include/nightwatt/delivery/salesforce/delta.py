"""What changed since the CRM's last word: which rows of an object go, and what becomes of the others.

Belongs here: rendering a mart, comparing it with what is acknowledged, counting. Does not belong here: what is
acknowledged (`state`), SQL of single values (`rendering`), files (`files`).

Everything happens in temporary tables of the connection; no row passes through Python.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

import duckdb

from nightwatt.delivery.salesforce import rendering
from nightwatt.delivery.salesforce.profile import CrmObject
from nightwatt.delivery.salesforce.rendering import Cell
from nightwatt.duck import ident, text
from nightwatt.errors import TerminalError

_HERE = Path(__file__).parent
MOST_WAVES = 50
"""Levels of premises within premises; more of them is a circle."""


@dataclass(frozen=True)
class Counts:
    """What became of the rows of one object."""

    rows: int
    send: int
    unchanged: int
    held: Mapping[str, int]  # by reason: hold, only_known, fault, parent

    @property
    def adds_up(self) -> bool:
        """Whether every row is accounted for."""
        return self.rows == self.send + self.unchanged + sum(self.held.values())


@dataclass(frozen=True)
class Fault:
    """Rows of one object that cannot be written, for one reason."""

    header: str
    fault: str
    rows: int
    codes: tuple[str, ...]  # canonical codes without a mapping; never a text


@dataclass(frozen=True)
class Group:
    """Rows that belong in files of their own."""

    part: str
    wave: int
    rows: int


@dataclass(frozen=True)
class Delta:
    """One object's rows as they are to be written, with what becomes of each, in tables of the connection."""

    con: duckdb.DuckDBPyConnection
    crm_object: CrmObject
    siblings: Mapping[str, CrmObject]  # every object of the profile, by name

    @cached_property
    def cells(self) -> list[Cell]:
        """The columns as SQL."""
        return rendering.cells(self.crm_object)

    def table(self, kind: str) -> str:
        """Return the quoted name of one of the object's tables: known, doubted, rendered, fates, there."""
        return ident(f"crm_{kind}_{self.crm_object.name}")

    def render(self, since: int | None = None) -> None:
        """Write the mart's rows as text, those touched after a load where a load is given.

        Raises:
            TerminalError: `crm.duplicate_key`, `crm.mart_missing`.
        """
        thing = self.crm_object
        conditions = [f"{ident(name)} is not null" for name in thing.filled]
        if since is not None:
            conditions.append(f"through_sequence > {since}")
        dated, join = self._dated()
        _refuse_missing_mart(self.con, thing.mart)
        self.con.execute(
            _statement(
                "rendered.sql",
                into=self.table("rendered"),
                mart=ident(thing.mart),
                condition=" and ".join(conditions) or "true",
                dated=dated,
                dated_join=join,
                key=ident(thing.key),
                touched="through_sequence" if thing.changes == "sequence" else "null::bigint",
                hold=rendering.special_sql(thing, "hold"),
                only_known=rendering.special_sql(thing, "only_known"),
                fault=rendering.fault_sql(self.cells),
                unmapped=rendering.unmapped_sql(self.cells),
                cells=",\n        ".join([*(f"{c.written} as {c.alias}" for c in self.cells), *self._amounts()]),
                content_hash=rendering.content_hash_sql(self.cells),
            )
        )
        self._refuse_duplicates()

    def _amounts(self) -> Iterator[str]:
        for number, name in enumerate(self.crm_object.amounts):
            yield f"coalesce({ident(name)}, 0)::decimal(38, 8) as a{number}"

    def _dated(self) -> tuple[str, str]:
        window = self.crm_object.window
        if window is None:
            return "null::date", ""
        if window.through is None:
            return f"mart.{ident(window.date)}::date", ""
        other = self.siblings[window.through.object]
        join = f"left join {ident(other.mart)} as aged on mart.{ident(window.through.column)} = aged.{ident(other.key)}"
        return f"aged.{ident(window.date)}::date", join

    def _refuse_duplicates(self) -> None:
        found = self.con.execute(
            f"select count(*) - count(distinct external_id) from {self.table('rendered')}"
        ).fetchone()
        if found is not None and found[0]:
            raise TerminalError(
                "crm.duplicate_key",
                f"{self.crm_object.mart} has {found[0]} row(s) whose {self.crm_object.key} is there twice or missing",
                "nothing was sent: rows of one key race each other in the CRM; the mart's tests say which they are",
            )

    def judge(self, selected: Sequence[str]) -> None:
        """Decide what becomes of every row; parents among the selected objects must have been judged before."""
        parents = {c.alias: [p for p in c.column.parent if p in selected] for c in self.cells if c.column.parent}
        own = next((alias for alias, names in parents.items() if self.crm_object.name in names), None)
        others = {alias: names for alias, names in parents.items() if names and alias != own}
        there = [
            f"({alias} is null or "
            + " or ".join(f"{alias} in (select external_id from {ident(f'crm_there_{name}')})" for name in names)
            + ")"
            for alias, names in others.items()
        ]
        self.con.execute(
            _statement(
                "fates.sql",
                into=self.table("fates"),
                rendered=self.table("rendered"),
                known=self.table("known"),
                doubted=self.table("doubted"),
                has_create_only=str(self.crm_object.has_create_only).lower(),
                parents_there=" and ".join(there) or "true",
                parent_here=own or "null::varchar",
            )
        )
        if own:
            self._in_waves()
        self.con.execute(
            f"create or replace temp view {self.table('there')} as "
            f"select external_id from {self.table('known')} where is_there union "
            f"select external_id from {self.table('fates')} where fate = 'send'"
        )

    def _in_waves(self) -> None:
        """Let children of rows of the same object follow in a later file."""
        fates = self.table("fates")
        for wave in range(1, MOST_WAVES):
            moved = self.con.execute(
                f"update {fates} set fate = 'send', wave = {wave} where fate = 'parent' and parents_there "
                f"and parent_here in (select external_id from {fates} where fate = 'send' and wave = {wave - 1})"
            ).fetchone()
            if moved is None or not moved[0]:
                return

    def counts(self) -> Counts:
        """Return what became of the rows, every one of them counted."""
        found = dict(self.con.execute(f"select fate, count(*) from {self.table('fates')} group by fate").fetchall())
        send, unchanged = found.pop("send", 0), found.pop("unchanged", 0)
        return Counts(send + unchanged + sum(found.values()), send, unchanged, dict(sorted(found.items())))

    def faults(self) -> list[Fault]:
        """Return why rows cannot be written, most rows first."""
        found = self.con.execute(
            "select split_part(fault, '|', 1), split_part(fault, '|', 2), count(*), "
            "list_sort(list(distinct unmapped) filter (unmapped is not null))[:10] "
            f"from {self.table('fates')} where fate = 'fault' group by fault order by 3 desc, fault"
        ).fetchall()
        return [Fault(header, fault, rows, tuple(codes or ())) for header, fault, rows, codes in found]

    def groups(self) -> list[Group]:
        """Return which files the rows that go belong in, in sending order: parents first, new ones first."""
        found = self.con.execute(
            f"select part, wave, count(*) from {self.table('fates')} where fate = 'send' "
            "group by part, wave order by wave, part = 'known', part"
        ).fetchall()
        return [Group(*row) for row in found]

    def lost_track_of(self, before: date | None) -> str:
        """Return the records, as SQL, that may be in the CRM past their window, and under which id nobody knows.

        They were sent and never answered for, and their mart does not have them any more.
        """
        if before is None:
            return "(select * from (values (null, null)) as nothing (external_id, dated) where false)"
        return (
            f"(select external_id, dated from {self.table('doubted')} as doubted where dated < {text(before)} "
            f"and not exists (select 1 from {self.table('rendered')} as rendered "
            "where rendered.external_id = doubted.external_id) "
            f"and not exists (select 1 from {self.table('known')} as known "
            "where known.external_id = doubted.external_id and known.is_there and known.remote_id is not null))"
        )

    def gone(self, before: date | None) -> tuple[int, int, int]:
        """Count what the CRM has and the mart no longer: past its window with and without the CRM's id, and other."""
        past = f"dated < {text(before)}" if before else "false"
        found = self.con.execute(
            f"select count(*) filter ({past} and remote_id is not null), "
            f"count(*) filter ({past} and remote_id is null), "
            f"count(*) filter (not coalesce({past}, false)) "
            f"from {self.table('known')} as known where is_there and not exists ("
            f"select 1 from {self.table('rendered')} as rendered where rendered.external_id = known.external_id)"
        ).fetchone()
        return found or (0, 0, 0)


def _refuse_missing_mart(con: duckdb.DuckDBPyConnection, mart: str) -> None:
    found = con.execute("select 1 from information_schema.tables where table_name = ?", [mart]).fetchone()
    if found is None:
        raise TerminalError(
            "crm.mart_missing",
            f"{mart} is not published",
            "build and publish its domain, or name the objects to be sent in the delivery contract",
        )


def _statement(name: str, **parts: str) -> str:
    return (_HERE / name).read_text("utf-8").format(**parts)
