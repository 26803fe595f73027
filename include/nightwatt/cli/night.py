"""`nightwatt status`: the night at a glance, once or again and again, for people or for programs.

Belongs here: the command. Does not belong here: gathering (stages) and layout (`screen.py`, `board_screen.py`).
"""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from typing import Any as Anything

import typer

from nightwatt.cli.context import Context, console

if TYPE_CHECKING:
    import datetime as dates

    from nightwatt.stages import Platform


def status(
    ctx: typer.Context,
    date: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Business date; the newest with receipts otherwise."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, until Ctrl-C.")] = False,
    every: Annotated[int, typer.Option(min=1, help="Seconds between two looks of --watch.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="The board of the night as JSON, as the ops page has it.")] = (
        False
    ),
) -> None:
    """Show the verdict, open alerts, what came, what is published and sent, and whether deadlines hold."""
    context: Context = ctx.obj
    given = date.date() if date else None
    if as_json and watch:
        raise typer.BadParameter("a program looks again by itself; leave --watch or --json out")
    if as_json:
        from nightwatt.stages import board

        with context.platform() as platform:
            typer.echo(json.dumps(board(platform, _day(platform, given)).to_dict(), indent=2))
    elif watch:
        _again_and_again(context, given, every)
    else:
        with context.platform() as platform:
            _whole(platform, _day(platform, given))


def _day(platform: Platform, given: dates.date | None) -> dates.date:
    from nightwatt.ledger.night import newest_business_date

    if given is not None:
        return given
    with platform.ledger.read() as session:
        return newest_business_date(session) or platform.business_date()


def _whole(platform: Platform, day: dates.date) -> None:
    """Print the verdict and the alerts, then every table of the night."""
    from nightwatt.cli.board_screen import first_lines
    from nightwatt.cli.screen import render
    from nightwatt.stages import board
    from nightwatt.stages.report import night_report

    console.print()
    console.print(first_lines(board(platform, day)))
    render(night_report(platform, day), console)


def _again_and_again(context: Context, given: dates.date | None, every: int) -> None:
    """Redraw one screen: what an operator keeps an eye on fits without scrolling."""
    from rich.live import Live

    def look() -> Anything:
        from nightwatt.cli.board_screen import screen
        from nightwatt.stages import board

        with context.platform() as platform:
            # Tonight, not the newest night with receipts: that nothing came is what the watch is for.
            return screen(board(platform, given or platform.business_date()))

    try:
        with Live(look(), console=console, screen=console.is_terminal, auto_refresh=False) as live:
            while True:
                time.sleep(every)
                live.update(look(), refresh=True)
    except KeyboardInterrupt:
        console.print("stopped looking")
