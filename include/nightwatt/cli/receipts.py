"""`nightwatt receipts`: what arrived, what became of it, and why a file is on hold.

Belongs here: printing receipts. Does not belong here: changing them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table

from nightwatt.cli.context import Context, console

app = typer.Typer(no_args_is_help=True)

Day = Annotated[datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="Business date.")]


@app.command("list")
def list_receipts(ctx: typer.Context, feed: Annotated[str | None, typer.Option()] = None, date: Day = None) -> None:
    """List receipts, newest last."""
    from nightwatt.ledger import receipts

    context: Context = ctx.obj
    table = Table(
        "receipt", "feed", "business date", "file", "state", "rows in", "kept", "rejected", box=None, pad_edge=False
    )
    with context.platform() as platform, platform.ledger.read() as session:
        for r in receipts.find_all(session, feed=feed, business_date=date.date() if date else None):
            state = f"{r.state}, superseded by {r.superseded_by_id}" if r.superseded_by_id else r.state
            counts = [f"{n:,}" if n is not None else "" for n in (r.rows_in, r.rows_kept, r.rows_rejected)]
            table.add_row(str(r.id), r.feed, str(r.business_date), r.file_name, state, *counts)
    console.print(table)


@app.command()
def show(ctx: typer.Context, receipt: int) -> None:
    """Show one receipt in full."""
    from nightwatt.ledger import receipts

    context: Context = ctx.obj
    with context.platform() as platform, platform.ledger.read() as session:
        row = receipts.get(session, receipt)
        for column in row.__table__.columns:
            value = getattr(row, column.key)
            if value is not None:
                console.print(f"{column.key:16} {value}", markup=False)
