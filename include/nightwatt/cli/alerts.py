"""`nightwatt alerts list|show|ack|test`: what is wrong, who has it in hand, and whether people can be told.

Belongs here: arguments and what is printed. Does not belong here: looking (`nightwatt watchdog --once` does).
"""

from __future__ import annotations

import getpass
import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from nightwatt.cli.context import Context, console

if TYPE_CHECKING:
    from nightwatt.ledger.models import Alert

app = typer.Typer(no_args_is_help=True)

_COLOUR = {"critical": "red", "warning": "yellow"}


@app.command("list")
def list_alerts(
    ctx: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Closed ones too, the newest first.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="With --all: how many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """List the alerts that stand, the loudest first."""
    from nightwatt.alerting.texts import plain
    from nightwatt.stages.alerts import newest_alerts, standing_alerts

    context: Context = ctx.obj
    with context.platform() as platform:
        found = newest_alerts(platform, limit) if everything else standing_alerts(platform)
        zone = platform.settings.tz
    if as_json:
        typer.echo(json.dumps([plain(alert) for alert in found], indent=2))
        return
    if not found:
        console.print("no alert stands" if not everything else "there was never an alert")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("alert", "severity", "code", "subject", "night", "since", "state"):
        table.add_column(heading, no_wrap=heading != "state", justify="right" if heading == "alert" else "left")
    for alert in found:
        colour = _COLOUR[alert.severity]
        table.add_row(
            str(alert.id),
            f"[{colour}]{alert.severity}[/{colour}]",
            alert.code,
            alert.subject,
            str(alert.business_date or ""),
            _clock(alert.opened_at, zone),
            _state(alert, zone),
        )
    console.print(table)


@app.command()
def show(ctx: typer.Context, number: Annotated[int, typer.Argument(help="The alert, by its number.")]) -> None:
    """Show one alert in full: why, what to do, what to read."""
    from nightwatt.stages.alerts import alert, alerting_of

    context: Context = ctx.obj
    with context.platform() as platform:
        found, zone = alert(platform, number), platform.settings.tz
        runbooks = alerting_of(platform).runbooks.rstrip("/")
    lines = {
        "what": f"{found.severity} {found.code} {found.subject}",
        "night": str(found.business_date or "none"),
        "why": found.message,
        "do": found.remedy,
        "read": f"{runbooks}/{found.runbook}.md" if found.runbook else "",
        "since": _clock(found.opened_at, zone),
        "state": _state(found, zone),
        "note": found.note or "",
        "seen by": found.reported_by,
    }
    for name, text in lines.items():
        if text:
            typer.echo(f"{name:8} {text}")


@app.command()
def ack(
    ctx: typer.Context,
    numbers: Annotated[list[int], typer.Argument(help="Alerts, by their numbers.")],
    note: Annotated[str | None, typer.Option(help="What others should know.")] = None,
    by: Annotated[str | None, typer.Option(help="Who has it; the name you are logged in with otherwise.")] = None,
) -> None:
    """Say that you have alerts in hand; they are quiet then until they get worse."""
    from nightwatt import stages

    context: Context = ctx.obj
    name = by or getpass.getuser()
    with context.platform() as platform:
        for number in numbers:
            taken = stages.acknowledge_alert(platform, number, name, note)
            console.print(f"{taken.code} {taken.subject} is in hand with {name}")


@app.command()
def test(
    ctx: typer.Context,
    channel: Annotated[list[str] | None, typer.Option(help="Only this channel; may be given again.")] = None,
) -> None:
    """Send a message through every channel; exit code 1 if one does not let it through."""
    from nightwatt.stages.alerts import try_channels

    context: Context = ctx.obj
    with context.platform() as platform:
        outcome = try_channels(platform, channel or ())
    for name, error in outcome.items():
        typer.echo(f"{name}: {error or 'sent'}")
    if any(outcome.values()):
        raise typer.Exit(1)


def _clock(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%a %d %b %H:%M}"


def _state(alert: Alert, zone: ZoneInfo) -> str:
    if alert.closed_at:
        return f"closed {_clock(alert.closed_at, zone)}"
    if alert.state == "acknowledged":
        return f"in hand with {alert.acknowledged_by}" + (f": {alert.note}" if alert.note else "")
    return "open"
