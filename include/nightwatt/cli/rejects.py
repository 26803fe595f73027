"""`nightwatt rejects`: lines put aside by intake, why, and reading them again.

Belongs here: printing rejects; raw text appears here, in the terminal of whoever may see it, and nowhere
else. Does not belong here: rules about rejects (intake).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from nightwatt.cli.context import Context, console

app = typer.Typer(no_args_is_help=True)

Day = Annotated[datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="Business date.")]


@app.command("list")
def list_rejects(ctx: typer.Context, feed: Annotated[str | None, typer.Option()] = None, date: Day = None) -> None:
    """List receipts with open rejects: how many lines, for what reason."""
    from nightwatt.ledger import loads

    context: Context = ctx.obj
    table = Table("receipt", "feed", "file", "code", "column", "lines", "first line", box=None, pad_edge=False)
    with context.platform() as platform, platform.ledger.read() as session:
        found = loads.open_rejects(session, feed=feed, business_date=date.date() if date else None)
        for receipt, summary in found:
            table.add_row(
                str(receipt.id),
                receipt.feed,
                receipt.file_name,
                summary.code,
                summary.column_name or "",
                f"{summary.open_lines:,}",
                str(summary.first_line),
            )
    console.print(table if found else "no open rejects")


@app.command()
def show(ctx: typer.Context, receipt: int, limit: Annotated[int, typer.Option(help="How many lines.")] = 20) -> None:
    """Show the open rejects of a receipt: line, code, column, reason, raw text."""
    from nightwatt.intake.rejects import read_rejects, reject_path
    from nightwatt.ledger import loads, receipts

    context: Context = ctx.obj
    with context.platform() as platform:
        with platform.ledger.read() as session:
            row = receipts.get(session, receipt)
            load = loads.latest(session, receipt)
        path = reject_path(platform.settings, row.feed, load.sequence) if load else None
        rejects = list(read_rejects(path)) if path else []
    for r in rejects[:limit]:
        where = f" column {r.column}" if r.column else ""
        console.print(f"{row.file_name} line {r.line}{where}: [{r.code}] {r.reason}", markup=False)
        console.print(f"    {r.raw[:500]}", markup=False)
    console.print(f"{min(limit, len(rejects))} of {len(rejects)} open reject(s)")


@app.command()
def replay(
    ctx: typer.Context,
    receipt: int,
    file: Annotated[Path | None, typer.Option(help="Corrected lines, with header, in place of the rejects.")] = None,
) -> None:
    """Read the open rejects again, by the contract as it is now; then build and publish to see them."""
    from nightwatt.stages import merge_reads, replay_rejects

    context: Context = ctx.obj
    with context.platform() as platform:
        result = replay_rejects(platform, receipt, file)
        merge_reads(platform)
    console.print(
        f"{result.rows_in} line(s) read again: {result.rows_kept} kept, {result.rows_rejected} still rejected"
    )
