"""`nightwatt simulate`: let the make-believe utility drop its files into the inbound folder.

Belongs here: arguments and the summary. Does not belong here: the utility (simulator).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from nightwatt.cli.context import Context, console


def simulate(
    ctx: typer.Context,
    night: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="First business date.")],
    customers: Annotated[int, typer.Option(min=1)] = 500,
    nights: Annotated[int, typer.Option(min=1, help="How many nights in a row.")] = 1,
    history_days: Annotated[int, typer.Option(min=1, help="Days of reads the first night brings.")] = 1,
    first_night: Annotated[bool, typer.Option(help="Billing tables come whole, with a year of bills.")] = True,
    parts: Annotated[int, typer.Option(min=1, help="Files the electric reads are split into.")] = 1,
    seed: Annotated[int, typer.Option()] = 2026,
    faults: Annotated[bool, typer.Option(help="Plant bad lines, late reads and corrections.")] = True,
    systems: Annotated[
        str | None,
        typer.Option(
            help="Who writes, separated by commas: ccb, mdm, isu, isu_idoc. The deployment's systems otherwise."
        ),
    ] = None,
    into: Annotated[Path | None, typer.Option(help="Folder; the home's inbound folder otherwise.")] = None,
) -> None:
    """Write what a utility's systems would drop for one or more nights. Same seed, same bytes."""
    from nightwatt.simulator import SYSTEMS, Utility, write_night

    context: Context = ctx.obj
    settings = context.settings()
    folder = into or settings.inbound
    writing = [s.strip() for s in systems.split(",")] if systems else [s for s in settings.systems if s in SYSTEMS]
    utility = Utility(customers=customers, seed=seed, zone=settings.zone, faults=faults)
    table = Table("night", "file", "rows", "bytes", box=None, pad_edge=False)
    for n in range(nights):
        day = night.date() + timedelta(days=n)
        first = n == 0
        summary = write_night(
            utility,
            day,
            folder,
            history_days=history_days if first else 1,
            first_night=first_night and first,
            parts=parts,
            systems=writing,
        )
        for file in summary.files:
            table.add_row(str(day), file.name, f"{file.rows:,}", f"{file.bytes:,}")
    console.print(table)
