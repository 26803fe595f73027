"""`nightwatt opower`: is this a file that Opower takes?

Belongs here: the command, its options and exit status. Does not belong here: the check and its layout (delivery).
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import available_timezones

import typer

from nightwatt.cli.context import Context
from nightwatt.errors import TerminalError

if TYPE_CHECKING:
    import duckdb

    from nightwatt.delivery.opower.checker_files import Before, Question
    from nightwatt.delivery.opower.findings import CheckReport

app = typer.Typer(no_args_is_help=True)

REJECTED, UNREAD = 1, 2


class Format(StrEnum):
    """How the report is written."""

    TEXT = "text"
    JSON = "json"
    HTML = "html"


class Kind(StrEnum):
    """What a file is."""

    FULL = "full"
    CUSTOMER = "customer"
    USAGE = "usage"
    BILLING_BILL = "billing_bill"
    BILLING_BILLSEGMENT = "billing_billsegment"
    BILLING_LINEITEM = "billing_lineitem"
    BILLING_SERVICEQUANTITY = "billing_servicequantity"
    INTERVAL5 = "interval5"
    INTERVAL15 = "interval15"
    INTERVAL30 = "interval30"
    INTERVAL60 = "interval60"
    INTERVAL1440 = "interval1440"


class Order(StrEnum):
    """In which order files arrive at the partner."""

    GIVEN = "given"
    STAMP = "stamp"


class State(StrEnum):
    """Whether a population is under review or approved."""

    REVIEW = "review"
    APPROVED = "approved"


def _zones(given: list[str] | None) -> list[str] | None:
    """Refuse a zone nobody knows."""
    for name in given or []:
        if name not in available_timezones():
            raise typer.BadParameter(f"there is no time zone {name}")
    return given


@app.callback()
def root() -> None:
    """Files for Opower: ours from sample to production, and anyone's checked."""


@app.command()
def check(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Files (gz, zip or plain) and folders, in order of arrival.")],
    format: Annotated[Format, typer.Option(help="Form of the report.")] = Format.TEXT,
    kind: Annotated[Kind | None, typer.Option(help="What the files are; told from their names otherwise.")] = None,
    order: Annotated[
        Order, typer.Option(help="given: as listed, files of a folder by stamp; stamp: all by stamp.")
    ] = Order.GIVEN,
    zone: Annotated[
        list[str] | None,
        typer.Option(
            callback=_zones,
            help="Time zone of the services in interval files, and of instants without offset; the home's otherwise.",
        ),
    ] = None,
    utility: Annotated[str | None, typer.Option(help="Utility code agreed with the partner.")] = None,
    population: Annotated[str | None, typer.Option(help="Population token agreed with the partner.")] = None,
    after_stamp: Annotated[str | None, typer.Option(help="14-digit stamp of the last file the partner has.")] = None,
    max_mb: Annotated[int | None, typer.Option(min=1, help="Largest file the partner takes, in megabytes.")] = None,
    first_incremental: Annotated[
        bool, typer.Option("--first-incremental", help="The first files after the history: missing time rejects.")
    ] = False,
    since_sent: Annotated[
        str | None, typer.Option(metavar="DELIVERY", help="Judge the files after all that this delivery sent.")
    ] = None,
    folder: Annotated[str | None, typer.Option(help="Folder on the partner's server the files are meant for.")] = None,
    state: Annotated[State, typer.Option(help="Whether the partner has approved the population.")] = State.REVIEW,
    interval_profile: Annotated[str, typer.Option(help="Specification of interval files.")] = "opower/interval_v2-0-5",
    billing_profile: Annotated[
        str, typer.Option(help="Specification of legacy billing files.")
    ] = "opower/legacy_billing_v1-19-0",
    billing_v2_profile: Annotated[
        str, typer.Option(help="Specification of Billing v2 files.")
    ] = "opower/billing_v2-0-3",
) -> None:
    """Check files by every rule of the partner, each against those before it; exit code 0 clean, 1 rejected, 2 unread.

    The report shows service point ids and odd values; keep it as you keep the files.
    """
    from nightwatt.delivery.opower.checker import Agreed
    from nightwatt.delivery.opower.checker_files import Question

    context: Context = ctx.obj
    question = Question(
        zones=zone or [context.settings().zone],
        kind=kind.value if kind else None,
        order=order.value,
        agreed=Agreed(utility, population, after_stamp=after_stamp, size_limit_mb=max_mb),
        first_incremental=first_incremental,
        state=state.value,
        folder=folder,
        interval_profile=interval_profile,
        billing_profile=billing_profile,
        billing_v2_profile=billing_v2_profile,
    )
    try:
        reports = _checked(context, files, question, format, since_sent)
    except TerminalError as e:
        sys.stderr.write(f"error {e}\n")
        raise typer.Exit(UNREAD) from e
    raise typer.Exit(_status(reports))


@app.command()
def watch(
    ctx: typer.Context,
    delivery: Annotated[str | None, typer.Argument(help="One delivery; all to Opower otherwise.")] = None,
) -> None:
    """Say which files are missing, late for a report week, or unusually small; exit code 0 none, 1 some (for cron)."""
    from nightwatt import stages

    context: Context = ctx.obj
    with context.platform() as platform:
        summary = stages.watch_sendings(platform, delivery)
    for line in summary.lines():
        sys.stdout.write(line + "\n")
    raise typer.Exit(0 if summary.is_good else 1)


def _checked(
    context: Context, files: list[Path], question: Question, format: Format, since_sent: str | None
) -> list[CheckReport]:
    """Check and print; text file by file, as each is through."""
    from nightwatt import duck
    from nightwatt.delivery.opower.checker_files import check_files
    from nightwatt.delivery.opower.checker_report import as_html, as_json, as_text

    reports = []
    with duck.memory_engine(context.settings()) as con:
        before = _before(context, since_sent, question, con) if since_sent else None
        for report in check_files(files, question, con, values=True, before=before):
            reports.append(report)
            if format is Format.TEXT:
                sys.stdout.write(as_text(report) + "\n")
    if format is not Format.TEXT:
        sys.stdout.write(as_json(reports) + "\n" if format is Format.JSON else as_html(reports))
    return reports


def _before(context: Context, delivery: str, question: Question, con: duckdb.DuckDBPyConnection) -> Before:
    """Return what a delivery sent."""
    from nightwatt.delivery.opower import since_sent

    with context.platform() as platform:
        contract = platform.catalog.delivery(delivery)
        return since_sent.before(platform.settings, platform.ledger, contract, con, question.gap_level)


def _status(reports: list[CheckReport]) -> int:
    if any("UNREADABLE" in report.codes for report in reports):
        return UNREAD
    return REJECTED if any(report.blocking for report in reports) else 0
