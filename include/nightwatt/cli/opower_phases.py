"""`nightwatt opower sample|full|incremental|approve|state`: a population's way to production, by hand.

Belongs here: arguments, the question asked before an approval, and what is printed. Does not belong here: the rules
(delivery) and putting them together (stages).
"""

from __future__ import annotations

import getpass
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from nightwatt.cli.context import Context, console

if TYPE_CHECKING:
    from nightwatt.delivery.approval import ReviewFile
    from nightwatt.delivery.phases import Phase
    from nightwatt.stages import Platform

_DAY = ["%Y-%m-%d"]
Delivery = Annotated[str, typer.Argument(help="Name of the delivery: the population.")]
Day = Annotated[datetime | None, typer.Option("--date", formats=_DAY, help="Business date; today's otherwise.")]
LastDay = Annotated[
    datetime | None,
    typer.Option(
        formats=_DAY, help="Last local day that is in; no cut otherwise. The next incremental takes the rest."
    ),
]
MIN_DIGITS = 8


def sample(
    ctx: typer.Context,
    delivery: Delivery,
    last_day: LastDay = None,
    size: Annotated[int, typer.Option(min=1, help="Accounts; the partner asks for 10,000 to 20,000.")] = 15_000,
    seed: Annotated[int, typer.Option(help="Another seed chooses other accounts.")] = 1,
    date: Day = None,
) -> None:
    """Send the history of a random sample of accounts to the review folder; it never counts as sent."""
    from nightwatt.delivery.phases import Phase, PhaseKind

    _send(ctx, delivery, Phase(PhaseKind.SAMPLE, _date(last_day), size, seed), date)


def full(
    ctx: typer.Context,
    delivery: Delivery,
    last_day: LastDay = None,
    start_over: Annotated[
        bool, typer.Option("--start-over", help="Of an approved population: back to review with a new history.")
    ] = False,
    date: Day = None,
) -> None:
    """Send the whole history to the review folder; incrementals go on from there."""
    from nightwatt.delivery.phases import Phase, PhaseKind

    _send(ctx, delivery, Phase(PhaseKind.FULL, _date(last_day)), date, start_over=start_over)


def incremental(ctx: typer.Context, delivery: Delivery, date: Day = None) -> None:
    """Send everything the partner does not have yet; as `nightwatt deliver`, and as the DAG does every night."""
    from nightwatt.delivery.phases import Phase

    _send(ctx, delivery, Phase(), date)


def state(ctx: typer.Context, delivery: Delivery) -> None:
    """Show where a population stands, what went out last, what comes next, and who decided what."""
    from nightwatt import stages

    context: Context = ctx.obj
    with context.platform() as platform:
        for line in stages.population(platform, delivery).lines():
            console.print(line, markup=False)


def approve(
    ctx: typer.Context,
    delivery: Delivery,
    reject: Annotated[
        bool, typer.Option("--reject", help="Say no: the population stays in review, or goes back there.")
    ] = False,
    sha256: Annotated[
        str | None, typer.Option(help="First 8 or more digits of the file's checksum, instead of the question.")
    ] = None,
    note: Annotated[str | None, typer.Option(help="Why, or on whose word; kept in the ledger.")] = None,
) -> None:
    """Let a population go to production, after looking at its newest review file; the partner loads from then on."""
    from nightwatt import stages

    context: Context = ctx.obj
    by = getpass.getuser()
    with context.platform() as platform:
        if reject:
            found = stages.take_back(platform, delivery, by, note)
        else:
            shown = stages.review_file(platform, delivery)
            _show(shown)
            _ask(shown, sha256)
            found = stages.approve(platform, shown, by, note)
        for line in found.lines():
            console.print(line, markup=False)


def _send(ctx: typer.Context, delivery: str, phase: Phase, day: datetime | None, *, start_over: bool = False) -> None:
    from nightwatt import stages

    context: Context = ctx.obj
    with context.platform() as platform:
        summary = stages.deliver_phase(platform, delivery, _night(platform, day), phase, start_over=start_over)
        for line in summary.lines():
            console.print(line, markup=False)


def _show(shown: ReviewFile) -> None:
    for other in shown.beside:
        console.print(f"{'with':8}{other.file_name}: {other.rows:,} rows, sha256 {other.sha256}", markup=False)
    for name, value in (
        ("file", shown.file_name),
        ("rows", f"{shown.rows:,}"),
        ("bytes", f"{shown.size_bytes:,}"),
        ("sha256", shown.sha256),
        ("at", f"{shown.remote_path} since {shown.delivered_at:%Y-%m-%d %H:%M} UTC"),
    ):
        console.print(f"{name:8}{value}", markup=False)


def _ask(shown: ReviewFile, sha256: str | None) -> None:
    """Go on only with a yes, or with the checksum of the very file shown."""
    if sha256 is None:
        typer.confirm("Has the partner approved this file? Production begins with the next one", abort=True)
    elif len(sha256) < MIN_DIGITS or not shown.sha256.startswith(sha256.lower()):
        raise typer.BadParameter(
            f"the newest review file has another checksum, or fewer than {MIN_DIGITS} digits were given",
            param_hint="--sha256",
        )


def _date(given: datetime | None) -> date | None:
    return given.date() if given else None


def _night(platform: Platform, given: datetime | None) -> date:
    return given.date() if given else platform.business_date()
