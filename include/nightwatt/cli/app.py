"""The root of the command line: global options, groups, and how errors reach the terminal.

Belongs here: wiring. Does not belong here: a command's own work (one module a group).
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from nightwatt import __version__, log
from nightwatt.cli import (
    alerts,
    decisions,
    feeds,
    night,
    opower,
    opower_phases,
    reads,
    receipts,
    rejects,
    sent,
    simulate,
    sources,
    stages,
)
from nightwatt.cli.calendar import calendar
from nightwatt.cli.context import Context, console
from nightwatt.cli.query import sql
from nightwatt.cli.reconcile import reconcile
from nightwatt.cli.watchdog import watchdog
from nightwatt.errors import NightWattError

app = typer.Typer(
    name="nightwatt",
    help="The night shift of a utility's data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(value: bool) -> None:
    if value:
        console.print(__version__)
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    home: Annotated[Path | None, typer.Option(help="Home folder; NIGHTWATT_HOME or ./var otherwise.")] = None,
    catalog: Annotated[Path | None, typer.Option(help="Catalog folder of your own.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show what the stages log.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True)] = False,  # noqa: ARG001
) -> None:
    """The night shift of a utility's data."""
    log.configure(logging.INFO if verbose else logging.WARNING)
    ctx.obj = Context(home, catalog)


for decision in (decisions.release, decisions.skip, decisions.accept, decisions.take_back):
    feeds.app.command()(decision)
feeds.app.command("decisions")(decisions.list_decisions)
app.add_typer(feeds.app, name="feeds", help="Contracts of what comes in, and what people decide about a night of it.")
app.add_typer(sources.app, name="sources", help="Servers, databases and services that feeds are fetched from.")
app.add_typer(alerts.app, name="alerts", help="What is wrong, and who has it in hand.")
app.add_typer(receipts.app, name="receipts", help="Files that arrived.")
app.add_typer(rejects.app, name="rejects", help="Lines put aside, and bringing them back.")
app.add_typer(reads.app, name="reads", help="Interval reads as they stand.")
app.add_typer(sent.app, name="sent", help="Files sent to partners.")
for command in (
    opower_phases.sample,
    opower_phases.full,
    opower_phases.incremental,
    opower_phases.approve,
    opower_phases.state,
):
    opower.app.command()(command)
app.add_typer(opower.app, name="opower", help="Files for Opower: ours from sample to production, and anyone's checked.")
app.command()(stages.load)
app.command()(stages.build)
app.command()(stages.publish)
app.command()(stages.sweep)
app.command()(stages.deliver)
app.command()(stages.acknowledge)
app.command()(stages.docs)
app.command()(night.status)
app.command()(calendar)
app.command()(watchdog)
app.command()(reconcile)
app.command()(sql)
app.command()(simulate.simulate)


def main() -> None:
    """Run the command line; an error is one line that says what to do, and exit code 1."""
    try:
        app()
    except NightWattError as e:
        sys.stderr.write(f"error {e}\n")
        sys.exit(1)
