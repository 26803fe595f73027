"""`nightwatt load|build|publish|sweep|deliver|acknowledge`: one stage by hand, through the functions the DAGs call.

Belongs here: arguments and what is printed. Does not belong here: what a stage does.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nightwatt.cli.context import Context, console

if TYPE_CHECKING:
    from nightwatt.stages import Platform

Day = Annotated[datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="Business date; today's otherwise.")]
Catalog = Annotated[Path | None, typer.Option(help="Catalog folder of your own.")]
Domain = Annotated[str | None, typer.Argument(help="billing or usage; both otherwise.")]  # checked by the stage


def _day(platform: Platform, given: datetime | None) -> date:
    return given.date() if given else platform.business_date()


def _domains(given: str | None) -> list[str]:
    return [given] if given else ["billing", "usage"]


def load(
    ctx: typer.Context,
    feed: str,
    files: Annotated[list[Path] | None, typer.Argument(help="Files to take in; the inbound folder otherwise.")] = None,
    date: Annotated[
        datetime | None,
        typer.Option(
            "--date",
            formats=["%Y-%m-%d"],
            help="Take in only this business date, and fail while a file of it is on hold; all dates otherwise.",
        ),
    ] = None,
    retry_held: Annotated[bool, typer.Option(help="Read files on hold again, by the contract as it is now.")] = False,
    catalog: Catalog = None,
) -> None:
    """Take files in and load them: landing archive, lake, reads store."""
    from nightwatt import stages

    context: Context = ctx.obj
    with context.platform(catalog) as platform:
        given = date.date() if date else None
        arrived = (
            stages.receive(platform, feed, files, given) if files else stages.arrive(platform, feed, given, wait=True)
        )
        for line in arrived.lines():
            console.print(line, markup=False)
        summary = stages.load(platform, feed, given, retry_held=retry_held)
        console.print(
            f"{feed}: {summary.receipts} file(s), {summary.rows_in:,} rows in, {summary.rows_kept:,} kept, "
            f"{summary.rows_rejected:,} rejected, {summary.rows_ignored:,} passed over"
        )
        if platform.catalog.feed(feed).entity == "interval_read":
            merged = stages.merge_reads(platform)
            console.print(
                f"reads store version {merged.version}: {merged.inserted:,} new, {merged.updated:,} corrected, "
                f"{merged.unchanged:,} unchanged"
            )
        if files and arrived.refused:
            raise typer.Exit(1)


def build(
    ctx: typer.Context,
    domain: Domain = None,
    date: Day = None,
    full_refresh: Annotated[bool, typer.Option(help="Rebuild everything, not only what changed.")] = False,
    catalog: Catalog = None,
) -> None:
    """Build the warehouse's models from the lake and the reads store."""
    from nightwatt import stages

    context: Context = ctx.obj
    with context.platform(catalog) as platform:
        for name in _domains(domain):
            summary = stages.build(platform, name, _day(platform, date), full_refresh=full_refresh)
            console.print(f"{name}: {summary.reason}; {summary.nodes} dbt nodes in {summary.seconds:.1f} s")


def publish(ctx: typer.Context, domain: Domain = None, date: Day = None, catalog: Catalog = None) -> None:
    """Publish the marts: built aside, checked, swapped in."""
    from nightwatt import stages

    context: Context = ctx.obj
    with context.platform(catalog) as platform:
        for name in _domains(domain):
            summary = stages.publish(platform, name, _day(platform, date))
            what = "published" if summary.is_new else "nothing changed since publication"
            console.print(f"{name}: {what} {summary.sequence}, as of {summary.as_of}, {len(summary.tables)} tables")


def deliver(ctx: typer.Context, delivery: str, date: Day = None, catalog: Catalog = None) -> None:
    """Write, check and send a delivery's file; does nothing if it was sent."""
    from nightwatt import stages

    context: Context = ctx.obj
    with context.platform(catalog) as platform:
        summary = stages.deliver(platform, delivery, _day(platform, date))
        for line in summary.lines():
            console.print(line, markup=False)


def sweep(ctx: typer.Context, catalog: Catalog = None) -> None:
    """Take in what feeds in near real time brought, and let readers see it as of the date that stands."""
    from nightwatt import stages

    context: Context = ctx.obj
    with context.platform(catalog) as platform:
        summary = stages.sweep(platform)
    for line in summary.lines():
        console.print(line, markup=False)
    if not summary.taken:
        console.print("no feed of the catalog comes in near real time")


def docs(ctx: typer.Context) -> None:
    """Write the page that documents every model; Airflow shows it under "Data dictionary"."""
    from nightwatt.warehouse import page_path, write_model_docs

    context: Context = ctx.obj
    settings = context.settings()
    is_new = write_model_docs(settings)
    console.print(f"{page_path(settings)}: {'written' if is_new else 'is what the project says'}", markup=False)


def acknowledge(
    ctx: typer.Context,
    delivery: str,
    files: Annotated[
        list[Path] | None, typer.Argument(help="Answers to take in; those in inbound/acks/<delivery>/ otherwise.")
    ] = None,
    date: Day = None,
    rebuild: Annotated[
        bool, typer.Option(help="Make the acknowledged state again from all answers taken in so far.")
    ] = False,
    catalog: Catalog = None,
) -> None:
    """Take in what the CRM says about files sent; its acknowledged state moves, refused rows go again."""
    from nightwatt import stages

    context: Context = ctx.obj
    with context.platform(catalog) as platform:
        if rebuild:
            for name, rows in stages.rebuild_acknowledged(platform, delivery).items():
                console.print(f"{name}: {rows:,} record(s)")
        summary = stages.acknowledge(platform, delivery, _day(platform, date), files or None)
        for line in summary.lines():
            console.print(line, markup=False)
