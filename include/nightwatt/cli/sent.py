"""`nightwatt sent`: files sent or on their way, and settling one whose fate only the partner knows.

Belongs here: printing sendings and taking an operator's word. Does not belong here: sending (delivery).
"""

from __future__ import annotations

import getpass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from nightwatt.cli.context import Context, console

if TYPE_CHECKING:
    from nightwatt.ledger.models import Answer

app = typer.Typer(no_args_is_help=True)

Day = Annotated[datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="Business date.")]


@app.command("list")
def list_sendings(
    ctx: typer.Context, date: Day = None, limit: Annotated[int, typer.Option(help="How many, newest.")] = 50
) -> None:
    """List files sent and files under way, oldest first."""
    from nightwatt.ledger import acknowledgements, sendings

    context: Context = ctx.obj
    table = Table(box=None, pad_edge=False)
    for heading in ("sending", "business date", "file", "rows", "state", "answer", "to", "message"):
        table.add_column(heading, overflow="fold")  # a name cut short is of no use to anybody
    with context.platform() as platform, platform.ledger.read() as session:
        listed = sendings.recent(session, limit, date.date() if date else None)
        answers = acknowledgements.by_sending(session, [s.id for s in listed])
        for s in listed:
            row = (str(s.id), str(s.business_date), s.file_name, f"{s.rows:,}", s.state)
            table.add_row(*row, _answer(answers.get(s.id)), s.remote_path, s.message or "")
    console.print(table)


def _answer(answer: Answer | None) -> str:
    """Say in a word what the partner said about a file; nothing where it is not asked."""
    if answer is None:
        return ""
    return f"{answer.state}, {answer.refused:,} refused" if answer.refused else answer.state


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
