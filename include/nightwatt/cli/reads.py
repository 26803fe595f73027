"""`nightwatt reads`: look up a service point's reads, or rebuild the store from the lake.

Belongs here: printing reads. Does not belong here: the store (reads).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from rich.table import Table

from nightwatt.cli.context import Context, console

app = typer.Typer(no_args_is_help=True)


@app.command()
def show(
    ctx: typer.Context,
    service_point: str,
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First local day.")],
    last: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last; the first otherwise.")
    ] = None,
) -> None:
    """Show the reads of a service point as they stand: newest version of each, with where it came from."""
    context: Context = ctx.obj
    names = ("channel", "start (UTC)", "min", "value", "unit", "quality", "meter", "source changed", "receipt")
    table = Table(*names, box=None, pad_edge=False)
    with context.platform() as platform:
        reads = platform.store.lookup(service_point, first.date(), (last or first).date())
    for r in reads:
        value = "" if r.value is None else f"{r.value.normalize():f}"
        changed = f"{r.last_updated_at:%Y-%m-%d %H:%M:%S}" if r.last_updated_at else ""
        start, length = f"{r.interval_start_at:%Y-%m-%d %H:%M}", str(r.interval_min)
        table.add_row(r.channel, start, length, value, r.unit, r.quality, r.meter_id or "", changed, str(r.receipt_id))
    console.print(table)
    console.print(f"{len(reads)} read(s)")


@app.command()
def rebuild(ctx: typer.Context) -> None:
    """Make the reads store anew from the lake; the next build recomputes all usage."""
    from nightwatt import stages

    context: Context = ctx.obj
    with context.platform() as platform:
        summary = stages.rebuild_reads(platform)
    console.print(f"reads store version {summary.version}: {summary.inserted:,} reads of {summary.loads} load(s)")
