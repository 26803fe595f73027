"""`nightwatt sql`: a question to the published warehouse, as table, CSV or JSON.

Belongs here: output formats. Does not belong here: opening the warehouse and what a query may touch.
"""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from nightwatt.cli.context import Context, console

if TYPE_CHECKING:
    import pyarrow as pa

_SHOWN = 200


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def sql(
    ctx: typer.Context,
    query: str,
    format: Annotated[
        Format, typer.Option(help="table shows at most 200 rows; csv and json all of them.")
    ] = Format.TABLE,
    audience: Annotated[str | None, typer.Option(help="Ask what this audience sees, and nothing else.")] = None,
) -> None:
    """Ask the published warehouse a question in SQL (read only)."""
    from nightwatt.warehouse.query import run_sql

    context: Context = ctx.obj
    answer = run_sql(context.settings(), query, audience)
    if format is Format.CSV:
        from pyarrow.csv import write_csv

        write_csv(_as_text(answer), sys.stdout.buffer)
    elif format is Format.JSON:
        json.dump(answer.to_pylist(), sys.stdout, default=str, indent=2)
        sys.stdout.write("\n")
    else:
        _print(answer)


def _as_text(answer: pa.Table) -> pa.Table:
    """Return the table with decimals as exact text, which the CSV writer does not take otherwise."""
    import pyarrow as pa

    columns = [c.cast(pa.string()) if pa.types.is_decimal(c.type) else c for c in answer.columns]
    return pa.table(columns, names=answer.column_names)


def _print(answer: pa.Table) -> None:
    table = Table(*answer.column_names, box=None, pad_edge=False)
    for row in answer.slice(0, _SHOWN).to_pylist():
        table.add_row(*["" if v is None else str(v) for v in row.values()])
    console.print(table)
    more = answer.num_rows - _SHOWN
    console.print(f"{answer.num_rows:,} row(s)" + (f", {more:,} not shown" if more > 0 else ""))
