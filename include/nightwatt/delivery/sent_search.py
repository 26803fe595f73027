"""Questions to what was sent: every row of a service point or account, of a day; and how two sendings differ.

Belongs here: searching the indexes of `sent_index`, set by set. Does not belong here: making them, printing answers
(`cli`). What is found is personal data: it goes to the person who asked, never into a log or the ledger.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from nightwatt import duck
from nightwatt.contracts.delivery import Delivery
from nightwatt.delivery import sent_index
from nightwatt.delivery.opower.sent_columns import SentColumns, columns_of, is_searchable
from nightwatt.delivery.sent_index import FILE, LINE, OWN_COLUMNS, SENDING, SentFile
from nightwatt.duck import ident, text, text_list
from nightwatt.ledger import Ledger
from nightwatt.settings import Settings

_BATCH = 10_000


@dataclass(frozen=True)
class Wanted:
    """What is searched for; everything given must hold.

    Attributes:
        service_point: the service point, as in the files.
        account: the account; reads and periods of its service points are found too, as long as it was there.
        day: local day of a read, or in a billed period. Rows without a date (customers) are not found by it.
    """

    service_point: str | None = None
    account: str | None = None
    day: date | None = None


@dataclass(frozen=True)
class SentRow:
    """One row that was sent, with where it stands."""

    sent_at: datetime
    delivery: str
    sending_id: int
    file_name: str
    line: int
    cells: Mapping[str, str]  # every column of the file

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "sent_at": self.sent_at.isoformat(),
            "delivery": self.delivery,
            "sending": self.sending_id,
            "file": self.file_name,
            "line": self.line,
            "row": dict(self.cells),
        }


@dataclass(frozen=True)
class Change:
    """One row in which two sendings differ."""

    kind: str  # only_first, only_second, changed
    key: Mapping[str, str]
    first_line: int | None
    second_line: int | None
    first: Mapping[str, str]  # values; of a changed row only those that differ
    second: Mapping[str, str]


@dataclass(frozen=True)
class Difference:
    """How two sendings differ."""

    only_first: int
    only_second: int
    changed: int
    same: int
    columns_only_first: tuple[str, ...]
    columns_only_second: tuple[str, ...]
    changes: tuple[Change, ...]  # the first ones, by key


@dataclass(frozen=True)
class _Tenure:
    """How long an account was at a service point, by the newest row sent of it."""

    service_point: str
    active: str
    inactive: str


def find(settings: Settings, ledger: Ledger, deliveries: Sequence[Delivery], wanted: Wanted) -> Iterator[SentRow]:
    """Yield every row ever sent for what is wanted, in order of arrival and line, delivery by delivery.

    Args:
        deliveries: contracts; those whose files have no index are passed over.

    Raises:
        TerminalError: an index is missing and cannot be made (`sent_index.ensure`).
    """
    archives = [_Archive(settings, ledger, d) for d in deliveries if is_searchable(d)]
    with duck.memory_engine(settings) as con:
        tenures = [t for a in archives for t in a.tenures(con, wanted.account)] if wanted.account else []
        for archive in archives:
            yield from archive.find(con, wanted, tenures)


class _Archive:
    """The indexes of one delivery."""

    def __init__(self, settings: Settings, ledger: Ledger, contract: Delivery) -> None:
        sent_index.ensure(settings, ledger, contract.delivery)
        self._files = {f.sending_id: f for f in sent_index.sent_files(settings, ledger, contract.delivery)}
        self._columns = columns_of(contract)
        self._delivery = contract.delivery

    def tenures(self, con: duckdb.DuckDBPyConnection, account: str) -> list[_Tenure]:
        """Return where an account was, from the newest row sent of it."""
        names = self._names(con)
        point = self._columns.service_point
        if not {*self._columns.accounts, point, "active_date", "inactive_date"} <= names:
            return []
        one_each = f"{ident(self._columns.accounts[0])}, {ident(point)}"
        newest = f"order by {self._arrival()} desc, {LINE} desc"
        rows = con.execute(
            f"select {ident(point)}, active_date, inactive_date from {self._source()} "
            f"where {self._is_account(account)} "
            f"qualify row_number() over (partition by {one_each} {newest}) = 1"
        ).fetchall()
        return [_Tenure(*row) for row in rows]

    def find(self, con: duckdb.DuckDBPyConnection, wanted: Wanted, tenures: Sequence[_Tenure]) -> Iterator[SentRow]:
        """Yield the rows wanted, in order of arrival and line."""
        names = self._names(con)
        conditions = list(self._conditions(names, wanted, tenures)) if names else ["false"]
        if "false" in conditions:
            return
        con.execute(
            f"select * from {self._source()} where {' and '.join(f'({c})' for c in conditions)} "
            f"order by {self._arrival()}, {LINE}"
        )
        shown = [d[0] for d in con.description or ()]
        while batch := con.fetchmany(_BATCH):
            for row in batch:
                yield self._row(dict(zip(shown, row, strict=True)))

    def _row(self, row: dict[str, Any]) -> SentRow:
        file = self._files[row[SENDING]]
        # A column that is null is none of this file's: of those it has, empty ones are empty texts.
        cells = {name: value for name, value in row.items() if name not in OWN_COLUMNS and value is not None}
        return SentRow(file.delivered_at, self._delivery, file.sending_id, row[FILE], row[LINE], cells)

    def _conditions(self, names: set[str], wanted: Wanted, tenures: Sequence[_Tenure]) -> Iterator[str]:
        if wanted.service_point is not None:
            yield f"{ident(self._columns.service_point)} = {text(wanted.service_point)}"
        if wanted.account is not None:
            yield self._of_account(names, wanted.account, tenures)
        if wanted.day is not None:
            yield self._of_day(names, wanted.day)

    def _of_account(self, names: set[str], account: str, tenures: Sequence[_Tenure]) -> str:
        """Rows that name the account; and those of its service points that name none, while it was there."""
        has_accounts = set(self._columns.accounts) <= names and bool(self._columns.accounts)
        ways = [self._is_account(account)] if has_accounts else []
        point = ident(self._columns.service_point)
        stays = [f"{point} = {text(t.service_point)} and ({self._during(names, t)})" for t in tenures]
        if stays:
            # The plain list comes first: by it alone whole row groups are passed over.
            points = ", ".join(sorted({text(t.service_point) for t in tenures}))
            nameless = f"{ident(self._columns.accounts[0])} is null and " if has_accounts else ""
            ways.append(f"{point} in ({points}) and {nameless}({' or '.join(f'({s})' for s in stays)})")
        return " or ".join(f"({way})" for way in ways) or "false"

    def _is_account(self, account: str) -> str:
        return " or ".join(f"{ident(name)} = {text(account)}" for name in self._columns.accounts)

    def _during(self, names: set[str], tenure: _Tenure) -> str:
        """Reads and periods that lie in the time an account was at a service point."""
        first, last = text(tenure.active), text(tenure.inactive)
        if self._columns.ends and set(self._columns.ends) <= names:
            end = " || ".join(map(ident, self._columns.ends))
            until = f" and {end} <= {last} || '0000'" if tenure.inactive else ""
            return f"{end} > {first} || '0000'{until}"
        if self._columns.period and set(self._columns.period) <= names:
            start, end = self._period()
            until = f" and {start} < {_day(last)}" if tenure.inactive else ""
            return f"{end} > {_day(first)}{until}"
        return "false"

    def _of_day(self, names: set[str], day: date) -> str:
        if self._columns.ends and set(self._columns.ends) <= names:
            ends_on, ends_at = map(ident, self._columns.ends)
            this, after = text(f"{day:%Y%m%d}"), text(f"{day + timedelta(days=1):%Y%m%d}")
            return (
                f"{ends_on} in ({this}, {after}) "
                f"and if({ends_at} = '0000', {ends_on} = {after}, {ends_on} = {this})"  # midnight is the day before's
            )
        if self._columns.period and set(self._columns.period) <= names:
            start, end = self._period()
            return f"{start} <= date {text(day)} and date {text(day)} < {end}"
        return "false"

    def _period(self) -> tuple[str, str]:
        """Return expressions for a period's first day and the day after its last."""
        assert self._columns.period  # noqa: S101  (asked by the callers)
        ends_on, days = map(ident, self._columns.period)
        end = _day(ends_on) if self._columns.date_to == "boundary" else f"({_day(ends_on)} + 1)"
        return f"({end} - try_cast({days} as integer))", end

    def _source(self) -> str:
        return _source([f.index for f in self._files.values()])

    def _arrival(self) -> str:
        return f"list_position({list(self._files)}::bigint[], {SENDING})"

    def _names(self, con: duckdb.DuckDBPyConnection) -> set[str]:
        """Return every column that any file has; none where nothing was sent."""
        return set(_names(con, self._source())) if self._files else set()


def compare(
    settings: Settings, ledger: Ledger, contract: Delivery, sendings: tuple[int, int], shown: int = 50
) -> Difference:
    """Compare two sendings of a delivery row by row, by what tells its rows apart; of equal keys the last row counts.

    Args:
        shown: how many changes are listed.

    Raises:
        TerminalError: `sent.not_searchable`, or an index is missing and cannot be made (`sent_index.ensure`).
    """
    columns = columns_of(contract)
    sent_index.ensure(settings, ledger, contract.delivery, only=sendings)
    files = {f.sending_id: f for f in sent_index.sent_files(settings, ledger, contract.delivery)}
    with duck.memory_engine(settings) as con:
        return _Comparison(con, columns, files[sendings[0]], files[sendings[1]]).result(shown)


class _Comparison:
    """Two sendings side by side."""

    def __init__(self, con: duckdb.DuckDBPyConnection, columns: SentColumns, first: SentFile, second: SentFile) -> None:
        self._con = con
        self._names = [[n for n in _names(con, _source([f.index])) if n not in OWN_COLUMNS] for f in (first, second)]
        both = [name for name in self._names[0] if name in self._names[1]]
        self._key = [name for name in columns.key if name in both]
        self._values = [name for name in both if name not in self._key]
        for table, file in (("first_rows", first), ("second_rows", second)):
            keys = ", ".join(map(ident, self._key))
            con.execute(
                f"create or replace temp table {table} as select {', '.join(map(ident, both))}, {LINE} "
                f"from {_source([file.index])} "
                f"qualify row_number() over (partition by {keys} order by {LINE} desc) = 1"
            )

    def result(self, shown: int) -> Difference:
        """Count and list what differs."""
        keys = ", ".join(map(ident, self._key))
        differs = " or ".join(f"first_rows.{ident(v)} is distinct from second_rows.{ident(v)}" for v in self._values)
        sides = ", ".join(
            f"first_rows.{ident(v)} as {ident(f'1{v}')}, second_rows.{ident(v)} as {ident(f'2{v}')}"
            for v in self._values
        )
        self._con.execute(
            "create or replace temp table compared as select "
            f"{keys}, {sides + ', ' if sides else ''}"
            f"first_rows.{LINE} as first_line, second_rows.{LINE} as second_line, "
            f"case when first_line is null then 'only_second' when second_line is null then 'only_first' "
            f"when {differs or 'false'} then 'changed' else 'same' end as kind "
            f"from first_rows full join second_rows using ({keys})"
        )
        counts = dict(self._con.execute("select kind, count(*) from compared group by kind").fetchall())
        first, second = self._names
        return Difference(
            counts.get("only_first", 0),
            counts.get("only_second", 0),
            counts.get("changed", 0),
            counts.get("same", 0),
            tuple(name for name in first if name not in second),
            tuple(name for name in second if name not in first),
            tuple(self._changes(keys, shown)),
        )

    def _changes(self, keys: str, shown: int) -> Iterator[Change]:
        self._con.execute(f"from compared where kind <> 'same' order by {keys} limit ?", [shown])
        names = [d[0] for d in self._con.description or ()]
        for values in self._con.fetchall():
            row = dict(zip(names, values, strict=True))
            told = [v for v in self._values if row["kind"] != "changed" or row[f"1{v}"] != row[f"2{v}"]]
            yield Change(
                row["kind"],
                {k: row[k] for k in self._key},
                row["first_line"],
                row["second_line"],
                {v: row[f"1{v}"] for v in told if row["first_line"] is not None},
                {v: row[f"2{v}"] for v in told if row["second_line"] is not None},
            )


def _source(indexes: Collection[Path]) -> str:
    return f"read_parquet({text_list(list(indexes))}, union_by_name = true)"


def _names(con: duckdb.DuckDBPyConnection, source: str) -> list[str]:
    return [row[0] for row in con.execute(f"describe select * from {source}").fetchall()]


def _day(expression: str) -> str:
    return f"try_strptime({expression}, '%Y%m%d')::date"
