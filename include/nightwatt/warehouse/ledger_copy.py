"""Copies of the ledger's rows inside the warehouse, for the `ops_` models.

Belongs here: the ledger's column types in DuckDB's words, and the copying. Does not belong here: which
rows matter (the models decide).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC
from typing import Any

import duckdb
import pyarrow as pa
from sqlalchemy import JSON, BigInteger, Boolean, Date, Integer, Table, select
from sqlalchemy.types import TypeEngine

from nightwatt import duck
from nightwatt.ledger import Ledger
from nightwatt.ledger.models import Base, UtcDateTime

COPIED = ("receipts", "loads", "reject_summaries", "checks", "publications", "deliveries", "runs")
_BATCH = 20_000


def copy_ledger(con: duckdb.DuckDBPyConnection, ledger: Ledger, schema: str) -> None:
    """Copy every table an operator asks about; instants become UTC timestamps, JSON becomes text."""
    for name in COPIED:
        _copy_table(con, ledger, Base.metadata.tables[name], schema)


def _copy_table(con: duckdb.DuckDBPyConnection, ledger: Ledger, table: Table, schema: str) -> None:
    target = f"{duck.ident(schema)}.{duck.ident(table.name)}"
    columns = ", ".join(f"{duck.ident(c.name)} {_words(c.type)[0]}" for c in table.columns)
    con.execute(f"create table {target} ({columns})")
    kinds = pa.schema([(c.name, _words(c.type)[1]) for c in table.columns])
    cleaners = [_cleaner(c.type) for c in table.columns]
    with ledger.read() as session:
        rows = session.execute(select(*table.columns).order_by(*table.primary_key.columns))
        for batch in rows.partitions(_BATCH):
            arrays = [
                pa.array([clean(v) for v in values], kind.type)
                for values, clean, kind in zip(zip(*batch, strict=True), cleaners, kinds, strict=True)
            ]
            con.register("_ledger_rows", pa.Table.from_arrays(arrays, schema=kinds))
            con.execute(f"insert into {target} from _ledger_rows")
            con.unregister("_ledger_rows")


def _words(kind: TypeEngine[Any]) -> tuple[str, pa.DataType]:
    if isinstance(kind, UtcDateTime):
        return "TIMESTAMP", pa.timestamp("us")
    for family, words in (
        (Boolean, ("BOOLEAN", pa.bool_())),
        (Date, ("DATE", pa.date32())),
        (BigInteger, ("BIGINT", pa.int64())),
        (Integer, ("INTEGER", pa.int32())),
    ):
        if isinstance(kind, family):
            return words
    return "VARCHAR", pa.string()


def _cleaner(kind: TypeEngine[Any]) -> Callable[[Any], Any]:
    if isinstance(kind, UtcDateTime):
        return lambda v: None if v is None else v.astimezone(UTC).replace(tzinfo=None)
    if isinstance(kind, JSON):
        return lambda v: None if v is None else json.dumps(v, sort_keys=True, ensure_ascii=False)
    return lambda v: v
