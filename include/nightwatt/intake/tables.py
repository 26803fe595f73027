"""SQL of a table feed: the contract's fields, typed, one lake row per file row.

Belongs here: the select over a file's text columns. Does not belong here: which row of a key is the
newest (the warehouse decides that from all receipts).
"""

from __future__ import annotations

from nightwatt.contracts.feed import Column, Feed
from nightwatt.duck import ident, text
from nightwatt.intake.columns import Fault, cleaned, first_fault, typed_column


def lake_type(column: Column) -> str:
    """Return the DuckDB type of a table feed's lake column."""
    return {
        "text": "VARCHAR",
        "integer": "BIGINT",
        "decimal": f"DECIMAL(18,{column.scale})",
        "date": "DATE",
        "time": "TIME",
        "timestamp": "TIMESTAMP",
    }[column.type]


def lake_columns(feed: Feed) -> dict[str, str]:
    """Return name and DuckDB type of every lake column of a table feed, in order."""
    own = {c.field: lake_type(c) for c in feed.columns if c.field}
    constants = dict.fromkeys(feed.constants, "VARCHAR")
    return own | constants | {"_receipt_id": "INTEGER", "_load_sequence": "BIGINT", "_source_row": "BIGINT"}


def table_sql(feed: Feed, source: str, raw_names: dict[str, str], receipt_id: int, sequence: int) -> str:
    """Return a select with the lake columns, `record`, `fault` and `ignored`.

    Args:
        feed: a feed with entity `table`.
        source: relation with the raw text columns and `record`, the row's number among those parsed.
        raw_names: file column to raw column name.
        receipt_id: the ledger's receipt.
        sequence: the ledger's load.
    """
    faults: list[Fault] = []
    selected: list[str] = []
    for column in feed.columns:
        if not column.field:
            continue
        sql = cleaned(raw_names[column.name], column, feed.format)
        typed, found = typed_column(column, sql, feed.format)
        required = column.field in feed.key and not column.required
        faults += [Fault(f"{sql} IS NULL", "row.required_blank", column.name)] if required else []
        faults += found
        selected.append(f"{typed} AS {ident(column.field)}")
    selected += [f"{text(value)} AS {ident(name)}" for name, value in feed.constants.items()]
    return f"""
        SELECT {", ".join(selected)},
               {receipt_id}::INTEGER AS _receipt_id, {sequence}::BIGINT AS _load_sequence, record AS _source_row,
               record, {first_fault(faults)} AS fault, false AS ignored
        FROM {source}"""
