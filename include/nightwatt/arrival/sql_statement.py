"""The one statement of an extraction: the contract's columns as exact text, of the rows changed since a mark.

Belongs here: finding the columns in a table, and how each kind of database writes a value so that nothing is lost. Does
not belong here: running it (`sql.py`) and where it begins.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    Select,
    Table,
    Text,
    bindparam,
    cast,
    func,
    inspect,
    literal_column,
    null,
    or_,
    select,
    type_coerce,
)
from sqlalchemy.dialects import oracle
from sqlalchemy.engine.interfaces import ReflectedColumn
from sqlalchemy.exc import NoSuchTableError, SAWarning
from sqlalchemy.types import NullType

from nightwatt.arrival.transport import PlaceRefused
from nightwatt.contracts.feed import Column as Promised
from nightwatt.contracts.feed import Feed

_ORACLE_STAMP = "'YYYY-MM-DD HH24:MI:SS'"
_ORACLE_STAMP_FRACTION = "'YYYY-MM-DD HH24:MI:SS.FF6'"
_ORACLE_NUMBER = "'TM9', 'NLS_NUMERIC_CHARACTERS=''.,'''"  # every digit, a point, whatever the session's language


@dataclass(frozen=True)
class Found:
    """The contract's columns as they are in the source."""

    table: Table
    columns: Mapping[str, Column[Any]]  # by the contract's name, in its order
    changed_at: Column[Any] | None
    key: tuple[Column[Any], ...]


def find_columns(connection: Connection, feed: Feed, table: str, changed_at: str | None) -> Found:
    """Look a table or view up and find every column the contract has, whatever the case of its name.

    Raises:
        PlaceRefused: `extract.table_missing`, `extract.column_missing`, `extract.zone_conflict`,
            `extract.no_change_time`.
    """
    described, schema, name = _described(connection, table)
    columns = {str(c["name"]).lower(): Column(c["name"], c["type"], nullable=c["nullable"]) for c in described}
    made = Table(name, MetaData(), *columns.values(), schema=schema)
    absent = [c for c in feed.file_columns if c.lower() not in columns]
    if absent:
        raise PlaceRefused(
            "extract.column_missing",
            f"{table} has no column {', '.join(absent)}",
            f"correct the columns of feed {feed.feed}, or ask {feed.owner} what became of it",
        )
    found = {c: made.c[columns[c.lower()].name] for c in feed.file_columns}
    for promised in feed.columns:
        _check_zone(promised, found.get(promised.name), table)
    key = tuple(found[c.name] for c in feed.columns if c.field in feed.key)
    stamp = _change_time(made.c[columns[changed_at.lower()].name], table) if changed_at else None
    return Found(made, found, stamp, key)


def statement(found: Found, dialect: str, since: datetime | None) -> Select[Any]:
    """Return the select: all rows, or those changed at or after a wall time of the change column's zone.

    A row without a change time cannot say that it did not change, so it comes every time. What changed is ordered, so
    that the same rows twice are the same file; all rows are not, for nobody should have to sort a whole table.
    """
    asked = select(*(as_text(column, dialect).label(name) for name, column in found.columns.items()))
    stamp = found.changed_at
    if since is None or stamp is None:
        return asked.select_from(found.table)
    changed = stamp >= _bound(stamp, dialect, since)
    if stamp.nullable:
        changed = or_(changed, stamp.is_(null()))
    return asked.select_from(found.table).where(changed).order_by(stamp, *found.key)


def as_text(column: Column[Any], dialect: str) -> ColumnElement[Any]:
    """Return a column as the database itself writes it, without rounding and whatever the session is set to."""
    if dialect == "postgresql":
        return _postgres_text(column)
    if dialect == "oracle":
        return _oracle_text(column)
    return type_coerce(column, NullType())  # as the driver gives it; `text_rows` makes text of it


def _postgres_text(column: Column[Any]) -> ColumnElement[Any]:
    """COPY writes a value as its type does; only those are rewritten whose text would not be ours."""
    if isinstance(column.type, DateTime) and column.type.timezone:
        return func.timezone(literal_column("'UTC'"), column)
    if isinstance(column.type, Boolean):
        return cast(column, Text)
    if isinstance(column.type, LargeBinary):
        return func.encode(column, literal_column("'hex'"))
    return column


def _oracle_text(column: Column[Any]) -> ColumnElement[Any]:
    kind = column.type
    if isinstance(kind, DateTime):
        if kind.timezone or getattr(kind, "local_timezone", False):
            return func.to_char(func.sys_extract_utc(column), literal_column(_ORACLE_STAMP_FRACTION))
        has_fraction = kind.__visit_name__ == "TIMESTAMP"
        return func.to_char(column, literal_column(_ORACLE_STAMP_FRACTION if has_fraction else _ORACLE_STAMP))
    is_binary = isinstance(kind, oracle.BINARY_DOUBLE | oracle.BINARY_FLOAT)  # the driver has the same binary numbers
    if isinstance(kind, Numeric | Integer | Float) and not is_binary:  # FLOAT is decimal there
        return func.to_char(column, literal_column(_ORACLE_NUMBER))
    return column  # text is text, and bytes become text here


def _bound(stamp: Column[Any], dialect: str, since: datetime) -> ColumnElement[Any]:
    assert isinstance(stamp.type, DateTime)  # noqa: S101  (`find_columns` saw to it)
    if dialect == "oracle" and (stamp.type.timezone or getattr(stamp.type, "local_timezone", False)):
        # The driver binds no zones: the zone is put on there, so that an index on the column can be used.
        return func.from_tz(bindparam("since", since, oracle.TIMESTAMP()), literal_column("'UTC'"))
    if stamp.type.timezone:
        since = since.replace(tzinfo=UTC)
    return bindparam("since", since, stamp.type)


def _described(connection: Connection, table: str) -> tuple[Sequence[ReflectedColumn], str | None, str]:
    schema, _, name = table.rpartition(".")
    looking = inspect(connection)
    for spelled in (lambda part: part, str.lower):  # a database folds the names of its tables; a contract need not
        try:
            with warnings.catch_warnings():
                # A type SQLAlchemy has no class for is written by the database like any other.
                warnings.simplefilter("ignore", SAWarning)
                described = looking.get_columns(spelled(name), spelled(schema) or None)
        except NoSuchTableError:
            continue
        if described:
            return described, spelled(schema) or None, spelled(name)
    raise PlaceRefused(
        "extract.table_missing",
        f"there is no table or view {table}, or we may not see it",
        "correct `arrival.source.table`, or ask for the right to select from it",
    )


def _check_zone(promised: Promised, column: Column[Any] | None, table: str) -> None:
    """An instant that knows its zone comes out in UTC; a contract that reads it as another zone's would move it."""
    kind = column.type if column is not None else None
    if not isinstance(kind, DateTime) or promised.zone == "UTC":
        return
    if kind.timezone or getattr(kind, "local_timezone", False):
        raise PlaceRefused(
            "extract.zone_conflict",
            f"{table}: column {promised.name} has a zone of its own and is written in UTC, the contract says "
            f"{promised.zone}",
            f"take `zone` from the column {promised.name}",
        )


def _change_time(column: Column[Any], table: str) -> Column[Any]:
    if isinstance(column.type, DateTime):
        return column
    raise PlaceRefused(
        "extract.no_change_time",
        f"{table}: column {column.name} holds no time, so it cannot say when a row changed",
        "name a column with date and time in `arrival.source.changed_at`, or leave it out and say `mode: full`",
    )
