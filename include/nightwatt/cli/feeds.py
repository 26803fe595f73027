"""`nightwatt feeds`: list, show, check contracts, and export their JSON Schema for editors.

Belongs here: printing contracts. Does not belong here: validating them (contracts).
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.table import Table

from nightwatt.cli.context import Context, console

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_feeds(ctx: typer.Context) -> None:
    """List the feeds in use: what each brings, its files, its times."""
    from nightwatt.contracts.sources import LocalSource

    context: Context = ctx.obj
    table = Table(box=None, pad_edge=False)
    for heading in ("feed", "brings", "files", "whole when", "comes", "expected", "deadline"):
        table.add_column(heading, no_wrap=heading == "feed", overflow="fold")
    for name, feed in sorted(context.catalog().feeds.items()):
        source, folder = feed.arrival.source, feed.arrival.folder
        files = feed.arrival.pattern if folder == "." else f"{folder}/{feed.arrival.pattern}"
        files = files if isinstance(source, LocalSource) else f"{feed.arrival.pattern} from {source.place}"
        table.add_row(
            name,
            f"{feed.entity} ({feed.mode})",
            files,
            feed.arrival.wholeness.rule,
            feed.schedule.told(),
            f"{feed.deadlines.expected_by:%H:%M}",
            f"{feed.deadlines.deadline:%H:%M}",
        )
    console.print(table)


@app.command()
def show(ctx: typer.Context, feed: str) -> None:
    """Show one contract in full, defaults included."""
    context: Context = ctx.obj
    contract = context.catalog().feed(feed)
    typer.echo(yaml.safe_dump(contract.model_dump(mode="json"), sort_keys=False, allow_unicode=True), nl=False)


@app.command()
def pull(
    ctx: typer.Context,
    feed: str,
    date: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], help="Business date of the file; today's otherwise."),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All rows, not only those changed since the mark.")] = False,
) -> None:
    """Pull a feed's rows out of its database or service into a file now, due or not; `nightwatt load` takes it in."""
    from nightwatt.stages import pull_now

    context: Context = ctx.obj
    with context.platform() as platform:
        day = date.date() if date else platform.business_date()
        done = pull_now(platform, feed, day, everything=everything)
    since = f"changed since {done.since}" if done.since else "all there are"
    console.print(f"{feed}: {done.rows:,} rows, {since}; {done.file_name or 'nothing that is not here already'}")


@app.command()
def check(
    ctx: typer.Context,
    files: Annotated[list[Path] | None, typer.Argument(help="Contract files; the whole catalog otherwise.")] = None,
) -> None:
    """Check contracts; every fault names file, key and remedy."""
    from nightwatt.contracts.catalog import check_file, load_alerting

    context: Context = ctx.obj
    if not files:
        catalog = context.catalog()
        load_alerting(context.settings().alerting or catalog.folder / "alerting.yaml")
        console.print(f"{len(catalog.feeds)} feeds in use and {len(catalog.deliveries)} deliveries are good")
        return
    faults = [fault for path in files for fault in check_file(path)]
    for fault in faults:
        typer.echo(str(fault))
    if faults:
        raise typer.Exit(1)
    console.print(f"{len(files)} contract(s) are good")


@app.command()
def schema(
    folder: Annotated[Path | None, typer.Option(help="Write <folder>/feed.json and delivery.json.")] = None,
) -> None:
    """Export the JSON Schema of contracts, so that an editor completes and checks them."""
    from nightwatt.contracts.schema import json_schemas

    schemas = json_schemas()
    if folder is None:
        typer.echo(json.dumps(schemas, indent=2))
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in schemas.items():
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", "utf-8")
        console.print(f"wrote {folder / f'{name}.json'}")
