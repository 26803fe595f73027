"""`nightwatt status`: the night at a glance.

Belongs here: the command. Does not belong here: gathering (stages) and layout (`screen.py`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from nightwatt.cli.context import Context, console


def status(
    ctx: typer.Context,
    date: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Business date; the newest with receipts otherwise."),
    ] = None,
) -> None:
    """Show what came, what is published and sent, and whether deadlines hold."""
    from nightwatt.cli.screen import render
    from nightwatt.ledger.night import newest_business_date
    from nightwatt.stages.report import night_report

    context: Context = ctx.obj
    with context.platform() as platform:
        with platform.ledger.read() as session:
            newest = newest_business_date(session)
        day = date.date() if date else newest or platform.business_date()
        render(night_report(platform, day), console)
