"""`nightwatt sent`: files sent or on their way, and settling one whose fate only the partner knows.

Belongs here: printing sendings and taking an operator's word. Does not belong here: sending (delivery).
"""

from __future__ import annotations

import getpass
from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table

from nightwatt.cli.context import Context, console

app = typer.Typer(no_args_is_help=True)

Day = Annotated[datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="Business date.")]


@app.command("list")
def list_sendings(
    ctx: typer.Context, date: Day = None, limit: Annotated[int, typer.Option(help="How many, newest.")] = 50
) -> None:
    """List files sent and files under way, oldest first."""
    from nightwatt.ledger import sendings

    context: Context = ctx.obj
    table = Table(box=None, pad_edge=False)
    for heading in ("sending", "business date", "file", "rows", "state", "to", "message"):
        table.add_column(heading, overflow="fold")  # a name cut short is of no use to anybody
    with context.platform() as platform, platform.ledger.read() as session:
        for s in sendings.recent(session, limit, date.date() if date else None):
            row = (str(s.id), str(s.business_date), s.file_name, f"{s.rows:,}", s.state, s.remote_path, s.message or "")
            table.add_row(*row)
    console.print(table)


@app.command()
def settle(
    ctx: typer.Context,
    sending: int,
    arrived: Annotated[
        bool,
        typer.Option("--arrived/--not-arrived", help="What the partner says: they have it, or it goes again."),
    ],
) -> None:
    """Settle a sending in state `unknown`, after asking the partner whether the file came."""
    from nightwatt.ledger import sendings

    context: Context = ctx.obj
    with context.platform() as platform, platform.ledger.write() as session:
        row = sendings.resolve(session, sending, arrived=arrived, at=platform.clock(), by=getpass.getuser())
        what = "counts as delivered" if arrived else "goes again with the next `nightwatt deliver`"
        console.print(f"{row.file_name} {what}", markup=False)
