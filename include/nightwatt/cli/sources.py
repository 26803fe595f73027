"""`nightwatt sources`: where feeds are fetched from, how each stands, and asking one now.

Belongs here: arguments and what is printed. Does not belong here: asking (`stages.sources`).
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape
from rich.table import Table

from nightwatt.cli.context import Context, console

if TYPE_CHECKING:
    from nightwatt.stages.sources import Standing

app = typer.Typer(no_args_is_help=True)

_WORDS = {"closed": "asked as usual", "open": "left alone", "half_open": "being tried"}


@app.command("list")
def list_sources(
    ctx: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False
) -> None:
    """List the servers, databases and services that feeds in use come from, and how each stands."""
    from nightwatt.stages.sources import sources

    context: Context = ctx.obj
    with context.platform() as platform:
        found, zone = sources(platform), platform.settings.tz
    if as_json:
        typer.echo(json.dumps([_plain(standing) for standing in found], indent=2))
        return
    if not found:
        console.print("every feed in use comes from a folder here")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("source", "state", "failures", "tried again", "feeds", "last failure"):
        table.add_column(heading, no_wrap=heading == "source", overflow="fold")
    for standing in found:
        table.add_row(
            standing.source,
            _WORDS[standing.state],
            str(standing.failures or ""),
            _clock(standing.retry_at, zone),
            ", ".join(standing.feeds),
            escape(standing.error or ""),
        )
    console.print(table)


@app.command()
def ask(
    ctx: typer.Context, source: Annotated[str, typer.Argument(help="The source, as `list` names it: sftp:mdm.")]
) -> None:
    """Ask a source now whether it answers, also one that is left alone; take nothing in.

    Exit code 0: it answers for every feed. 1: it does not.
    """
    from nightwatt.stages.sources import ask_source

    context: Context = ctx.obj
    with context.platform() as platform:
        answers = ask_source(platform, source)
    for answer in answers:
        typer.echo(f"{'good' if answer.is_well else 'bad '}  {answer.feed}: {answer.words}")
    if not all(answer.is_well for answer in answers):
        raise typer.Exit(1)


def _plain(standing: Standing) -> dict[str, Any]:
    return {
        "source": standing.source,
        "state": standing.state.value,
        "failures": standing.failures,
        "since": standing.since.isoformat() if standing.since else None,
        "retry_at": standing.retry_at.isoformat() if standing.retry_at else None,
        "feeds": list(standing.feeds),
        "error": standing.error,
    }


def _clock(instant: datetime | None, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%H:%M:%S}" if instant else ""
