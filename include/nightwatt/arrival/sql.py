"""Rows of a database: what changed since the last mark, streamed, in one consistent view of it.

Belongs here: connecting, the mark and how far to look back, streaming, and what a database's errors mean. Does not
belong here: the statement (`sql_statement.py`), and what becomes of the rows (`extract.py`).

Why no change is lost, as long as transactions of the source are open for less than the look-back:

    changed while rows are read       its time is later than what was read: the next pull has it
    committed after a later-stamped   its time is before the mark, within the look-back: the next pull has it
    stamped at the mark's very time   the bound is "at or after"
    never stamped                     comes with every pull
    stamped in the future             the mark stays at the present, so nothing stamped rightly is passed over
    stamped in the repeated hour      the look-back counts real time, and the bound is the earliest wall time after it
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast
from zoneinfo import ZoneInfo

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv
from sqlalchemy import Connection, Engine, NullPool, Select, create_engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from nightwatt.arrival.sql_statement import find_columns, statement
from nightwatt.arrival.text_rows import ROWS_AT_ONCE, batches_of, one_ahead, text_schema
from nightwatt.arrival.transport import PlaceRefused, SourceAway, SourceRefused
from nightwatt.calendar import Clock
from nightwatt.connections.sql import SqlSettings
from nightwatt.contracts.feed import Feed
from nightwatt.contracts.sources import SqlSource
from nightwatt.errors import NightWattError

_HOUR = timedelta(hours=1)
_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?")
_BLOCK = 4 << 20

# Nothing of what a session happens to be set to may show in what it writes.
_POSTGRES_SESSION = {
    "timezone": "'UTC'",
    "datestyle": "'ISO, YMD'",
    "intervalstyle": "'iso_8601'",
    "extra_float_digits": "1",
}


@dataclass(frozen=True)
class SqlRows:
    """The rows of one feed's table or view.

    Args:
        feed: the contract.
        source: its source.
        settings: the connection.
        clock: the present instant; no mark runs ahead of it.
    """

    feed: Feed
    source: SqlSource
    settings: SqlSettings
    clock: Clock

    def since(self, mark: str | None) -> str | None:
        """Return the earliest wall time that a change may bear which the last pull could not see."""
        if mark is None or self.source.changed_at is None:
            return None
        back = timedelta(minutes=self.source.look_back_min)
        return earliest_wall_time(datetime.fromisoformat(mark), self._zone, back).isoformat(" ")

    @contextmanager
    def read(self, since: str | None) -> Iterator[SqlPull]:
        """Open one reading in a transaction that sees the database as it is at one moment and changes nothing."""
        engine = _engine(self.settings)
        try:
            with self._telling(), _snapshot(engine) as connection:
                found = find_columns(connection, self.feed, self.source.table, self.source.changed_at)
                bound = datetime.fromisoformat(since) if since else None
                asked = statement(found, engine.dialect.name, bound)
                yield SqlPull(connection, asked, self._stamp_at, self._present())
        finally:
            engine.dispose()

    @property
    def _stamp_at(self) -> int | None:
        """Which of the file's columns is the change time; the contract's rules say that it is one."""
        name = self.source.changed_at
        return [c.lower() for c in self.feed.file_columns].index(name.lower()) if name else None

    @property
    def _zone(self) -> ZoneInfo:
        name = (self.source.changed_at or "").lower()
        return ZoneInfo(next((c.zone for c in self.feed.columns if c.name.lower() == name), "UTC"))

    def _present(self) -> str:
        now = self.clock().astimezone(self._zone).replace(tzinfo=None)
        return now.isoformat(" ", "microseconds")

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Tell a database's errors apart, in words that hold neither values nor addresses with passwords."""
        try:
            yield
        except (SQLAlchemyError, psycopg.Error, pa.ArrowException) as e:
            error = meaning(e, self.source, self.settings.where)
        else:
            return
        raise error from None  # what the driver says may quote a value


def earliest_wall_time(mark: datetime, zone: ZoneInfo, back: timedelta) -> datetime:
    """Return the earliest wall time from an instant on that lies so long before the first one a wall time can mean.

    In the night clocks are put back, walls show an hour a second time: what happens after 01:59 may bear 01:00.
    """
    start = mark.replace(tzinfo=zone, fold=0).astimezone(UTC) - back
    here, later = start.astimezone(zone), (start + _HOUR).astimezone(zone)
    put_back = max((here.utcoffset() or timedelta()) - (later.utcoffset() or timedelta()), timedelta())
    return here.replace(tzinfo=None, fold=0) - put_back


@dataclass
class SqlPull:
    """One reading of a table."""

    connection: Connection
    asked: Select[Any]
    stamp_at: int | None  # which column is the change time
    present: str
    newest: str | None = field(default=None, init=False)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows as text."""
        names = [column.name for column in self.asked.selected_columns]
        is_postgres = self.connection.dialect.name == "postgresql"
        for batch in (_copied if is_postgres else _fetched)(self.connection, self.asked, names):
            self._note(batch)
            yield batch

    def _note(self, batch: pa.RecordBatch) -> None:
        if self.stamp_at is None:
            return
        stamps = batch.column(self.stamp_at)
        found = pc.max(stamps.filter(pc.less_equal(stamps, self.present))).as_py()
        if found and _STAMP.fullmatch(found):
            self.newest = max(self.newest or "", found)


def _copied(connection: Connection, asked: Select[Any], names: list[str]) -> Iterator[pa.RecordBatch]:
    """Stream what PostgreSQL itself writes: exact text, null apart from the empty text."""
    for table in one_ahead(partial(_cut, names=names), _blocks(connection, asked)):
        yield from table.to_batches()


def _blocks(connection: Connection, asked: Select[Any]) -> Iterator[bytearray]:
    """Yield whole rows of CSV, some at a time; the server sends a row a message."""
    compiled = asked.compile(dialect=connection.dialect)
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    question = f"COPY ({compiled}) TO STDOUT (FORMAT csv)"
    block = bytearray()
    with driver.cursor() as cursor, cursor.copy(question.encode(), compiled.params) as rows:
        for row in rows:
            block += row
            if len(block) >= _BLOCK:
                yield block
                block = bytearray()
    if block:
        yield block


def _cut(block: bytearray, names: list[str]) -> pa.Table:
    """Cut rows of CSV into columns; a block is as long as its rows are, so none can be too long for it."""
    return csv.read_csv(
        pa.py_buffer(block),
        csv.ReadOptions(column_names=names, block_size=len(block) + 1, use_threads=False),
        csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        csv.ConvertOptions(
            column_types=text_schema(names),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _fetched(connection: Connection, asked: Select[Any], names: list[str]) -> Iterator[pa.RecordBatch]:
    """Stream rows through a cursor of the database's own."""
    with connection.execution_options(stream_results=True, yield_per=ROWS_AT_ONCE).execute(asked) as rows:
        yield from batches_of(names, rows)


def _engine(settings: SqlSettings) -> Engine:
    address, seconds = settings.address(), settings.timeout_seconds
    options: Mapping[str, Mapping[str, Any]] = {
        "postgresql": {
            "connect_args": {"connect_timeout": seconds, "application_name": "nightwatt", "client_encoding": "utf8"}
        },
        "oracle": {"connect_args": {"tcp_connect_timeout": seconds}, "arraysize": 1000},
        "sqlite": {"connect_args": {"timeout": seconds}},
    }
    return create_engine(address, poolclass=NullPool, hide_parameters=True, **options[address.get_backend_name()])


@contextmanager
def _snapshot(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            for name, value in _POSTGRES_SESSION.items():
                connection.exec_driver_sql(f"SET LOCAL {name} = {value}")
        elif engine.dialect.name == "oracle":
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        yield connection
        connection.rollback()


_REFUSED = ("28", "3D", "ORA-01017", "ORA-28000", "ORA-28001", "ORA-01045")
_NOT_FOR_US = ("42", "0A", "22", "ORA-00942", "ORA-01031", "ORA-00904")
_WORDS_OF_REFUSAL = ("authentication failed", "no pg_hba.conf entry", "does not exist", "is not permitted to log in")


def meaning(error: Exception, source: SqlSource, where: str) -> NightWattError:
    """Return what to make of a database's error, by its code. Its words may quote a value, so they are not repeated."""
    if isinstance(error, pa.ArrowException):
        return PlaceRefused(
            "extract.not_text",
            f"connection {source.connection}: {source.table} holds text that is not in the database's own encoding",
            "ask for a view that leaves it out, or for the rows to be corrected",
        )
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    code = _code_of(cause)
    if code.startswith(_REFUSED) or _is_login(cause, code):
        return SourceRefused(
            "source.login",
            f"connection {source.connection}: {where} does not let us in ({code})",
            f"check NIGHTWATT_SQL_{source.connection.upper()}_URL and its password; ask the owner of the database",
        )
    if code.startswith(_NOT_FOR_US):
        return PlaceRefused(
            "source.permission",
            f"connection {source.connection}: {source.table} cannot be read ({code})",
            "ask for the right to select from it, or correct `arrival.source` and the columns of the feed",
        )
    return SourceAway(
        "source.unreachable",
        f"connection {source.connection}: {where} did not answer, or broke off ({code})",
        "it is tried again; ask the owner of the database if it goes on",
    )


def _code_of(cause: BaseException) -> str:
    state = getattr(cause, "sqlstate", None)
    if state:
        return str(state)
    first = cause.args[0] if cause.args else None
    return str(getattr(first, "full_code", "") or type(cause).__name__)


def _is_login(cause: BaseException, code: str) -> bool:
    """PostgreSQL gives no code for what goes wrong before a session is there."""
    return code == "OperationalError" and any(words in str(cause) for words in _WORDS_OF_REFUSAL)
