"""`nightwatt feeds release|skip|accept|take-back|decisions`: a person's word on one feed and one night.

Belongs here: arguments and what is printed. Does not belong here: what a decision means (`stages.deciding`).
"""

from __future__ import annotations

import getpass
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from nightwatt.cli.context import Context, console

if TYPE_CHECKING:
    from nightwatt.ledger.models import NightChoice
    from nightwatt.stages import Decided, Platform

FeedName = Annotated[str, typer.Argument(help="The feed, by its name in the catalog.")]
Day = Annotated[datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="Business date; today's otherwise.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the ledger beside the name.")]
By = Annotated[str | None, typer.Option(help="Who decides; the name you are logged in with otherwise.")]


def release(
    ctx: typer.Context,
    feed: FeedName,
    until: Annotated[
        datetime,
        typer.Option(
            formats=["%H:%M"], help="How long the night waits: a time of the business date, after the deadline."
        ),
    ],
    reason: Reason,
    date: Day = None,
    by: By = None,
) -> None:
    """Let a feed come late: its night waits for it until a time later than its deadline."""
    from nightwatt.calendar import wall_instant
    from nightwatt.ledger.models import NightChoice

    context: Context = ctx.obj
    with context.platform() as platform:
        day = _day(platform, date)
        waits_until = wall_instant(day, until.time(), platform.settings.tz)
        _enter(platform, feed, day, NightChoice.RELEASE, by, reason, waits_until)


def skip(ctx: typer.Context, feed: FeedName, reason: Reason, date: Day = None, by: By = None) -> None:
    """Let a night go on without a feed; files of it that come later are loaded by the next night."""
    from nightwatt.ledger.models import NightChoice

    context: Context = ctx.obj
    with context.platform() as platform:
        _enter(platform, feed, _day(platform, date), NightChoice.SKIP, by, reason)


def accept(ctx: typer.Context, feed: FeedName, reason: Reason, date: Day = None, by: By = None) -> None:
    """Let a night go on with what is there of a feed: files on hold are left out, nothing is closed on its word."""
    from nightwatt.ledger.models import NightChoice

    context: Context = ctx.obj
    with context.platform() as platform:
        _enter(platform, feed, _day(platform, date), NightChoice.ACCEPT, by, reason)


def take_back(ctx: typer.Context, feed: FeedName, date: Day = None, by: By = None) -> None:
    """Take the last decision about a feed and a night back; what stood before stands again."""
    from nightwatt import stages

    context: Context = ctx.obj
    with context.platform() as platform:
        day = _day(platform, date)
        gone = stages.revoke(platform, feed, day, by or getpass.getuser())
        console.print(f"{feed}, night of {day}: {gone.choice} by {gone.by} is taken back", markup=False)
        now = stages.standing_decision(platform, feed, day)
        told = _told(platform, now) if now else "nothing is decided any more: the contract holds"
        console.print(told, markup=False)


def list_decisions(
    ctx: typer.Context,
    feed: Annotated[str | None, typer.Argument(help="Only of this feed.")] = None,
    date: Annotated[
        datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="Only of this business date.")
    ] = None,
) -> None:
    """List what people decided about nights of feeds, with name and reason; those taken back too."""
    from nightwatt.ledger import decisions

    context: Context = ctx.obj
    with context.platform() as platform, platform.ledger.read() as session:
        rows = decisions.history(session, feed, date.date() if date else None)
        zone = platform.settings.tz
    table = Table(box=None, pad_edge=False)
    for heading in ("night", "feed", "decided", "until", "by", "when", "why", "taken back"):
        table.add_column(heading, no_wrap=heading in {"night", "feed"}, overflow="fold")
    for row in rows:
        until = f"{row.until.astimezone(zone):%H:%M}" if row.until else ""
        at = f"{row.decided_at.astimezone(zone):%Y-%m-%d %H:%M}"
        gone = f"{row.revoked_by}, {row.revoked_at.astimezone(zone):%Y-%m-%d %H:%M}" if row.revoked_at else ""
        cells = (f"{row.business_date}", row.feed, row.choice, until, row.decided_by, at, row.reason, gone)
        table.add_row(*(_plain(cell) for cell in cells))
    console.print(table)


def _day(platform: Platform, given: datetime | None) -> date:
    return given.date() if given else platform.business_date()


def _enter(
    platform: Platform,
    feed: str,
    day: date,
    choice: NightChoice,
    by: str | None,
    reason: str,
    until: datetime | None = None,
) -> None:
    from nightwatt import stages

    decided = stages.decide(platform, feed, day, choice, by or getpass.getuser(), reason, until=until)
    console.print(_told(platform, decided), markup=False)


def _told(platform: Platform, decided: Decided) -> str:
    from nightwatt.stages.deciding import EFFECT

    until = f" (until {decided.until.astimezone(platform.settings.tz):%H:%M})" if decided.until else ""
    return (
        f"{decided.feed}, night of {decided.business_date}: {decided.choice} by {decided.by}; "
        f"{EFFECT[decided.choice]}{until}"
    )


def _plain(text: str) -> str:
    """Return text that the screen shows as it is: a person's reason may hold brackets."""
    return text.replace("[", r"\[")
