"""The end screen of a night, as an operator wants it: what came, what is out, is it in time.

Belongs here: layout of a `NightReport` for a terminal. Does not belong here: any figure that is not in it.
"""

from __future__ import annotations

import shutil
import sys
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table

from nightwatt.alerting.verdict import State
from nightwatt.stages.platform import Platform
from nightwatt.stages.report import NightReport, night_report

_COLOUR = {
    State.ON_TIME: "green",
    State.PENDING: "cyan",
    State.AT_RISK: "yellow",
    State.LATE: "yellow",
    State.MISSED: "red",
}


def render_night(platform: Platform, business_date: date, console: Console) -> None:
    """Print the screen of a business date at the platform's clock."""
    render(night_report(platform, business_date), console)


def render(report: NightReport, console: Console) -> None:
    """Print one night: feeds, rejects, published tables, deliveries, deadlines, what to try next."""
    zone = ZoneInfo(report.zone)
    now = report.now.astimezone(zone)
    clock = f"{now:%H:%M}" if now.date() == report.business_date else f"seen {now:%Y-%m-%d %H:%M}"
    console.print(f"\n[bold]Night of {report.business_date:%A %d %B %Y}[/bold]   {clock} {report.zone}\n")
    _feeds(report, console)
    _rejects(report, console)
    _published(report, console)
    _sent(report, console, zone)
    _deadlines(report, console, zone)
    _next(report, console)


def _table(*headings: str, numbers: tuple[int, ...] = ()) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for n, heading in enumerate(headings):
        table.add_column(heading, justify="right" if n in numbers else "left", no_wrap=n == 0)
    return table


def _feeds(report: NightReport, console: Console) -> None:
    table = _table("came in", "files", "rows in", "kept", "rejected", "passed over", "", numbers=(1, 2, 3, 4, 5))
    for f in report.feeds:
        state = f"[red]{f.held} on hold[/red]" if f.held else (f"{f.waiting} waiting" if f.waiting else "")
        table.add_row(
            f.feed,
            str(f.files),
            f"{f.rows_in:,}",
            f"{f.rows_kept:,}",
            f"[yellow]{f.rows_rejected:,}[/yellow]" if f.rows_rejected else "0",
            f"{f.rows_ignored:,}",
            state,
        )
    console.print(table)
    if report.silent:
        console.print(f"[yellow]nothing came of: {', '.join(report.silent)}[/yellow]")
    console.print()


def _rejects(report: NightReport, console: Console) -> None:
    if not report.rejects:
        return
    table = _table("put aside", "lines", "why", "look at", numbers=(1,))
    for (feed, receipt), group in groupby(report.rejects, key=lambda r: (r.feed, r.receipt_id)):
        reasons = list(group)
        why = ", ".join(f"{r.code.removeprefix('row.')} {r.column or ''}".strip() for r in reasons)
        table.add_row(feed, f"{sum(r.lines for r in reasons):,}", why, f"nightwatt rejects show {receipt}")
    console.print(table)
    console.print()


def _published(report: NightReport, console: Console) -> None:
    table = _table("published", "rows", "publication", "as of", numbers=(1, 2))
    newest = {name: p for p in sorted(report.publications, key=lambda p: p.sequence) for name in p.tables or {}}
    for name, publication in sorted(newest.items()):
        rows = (publication.tables or {})[name]
        table.add_row(name, f"{rows:,}", str(publication.sequence), f"{publication.as_of}")
    if report.publications:
        console.print(table)
    else:
        console.print("[yellow]nothing is published yet[/yellow]")
    console.print()


def _sent(report: NightReport, console: Console, zone: ZoneInfo) -> None:
    if not report.sendings:
        console.print("[yellow]nothing was sent for this night[/yellow]\n")
        return
    table = _table("sent", "rows", "bytes", "state", "when", "to", "sha256", numbers=(1, 2))
    for s in report.sendings:
        when = _clock_time(s.delivered_at, zone)
        state = s.state if s.phase == "incremental" else f"{s.phase}, {s.state}"
        table.add_row(
            s.file_name, f"{s.rows:,}", f"{s.size_bytes:,}", state, when, s.remote_path, s.content_sha256[:12]
        )
    console.print(table)
    console.print()


def _deadlines(report: NightReport, console: Console, zone: ZoneInfo) -> None:
    table = _table("deadline", "due", "verdict", "")
    for v in report.verdicts:
        state = v.verdict.state
        colour = _COLOUR[state]
        due = _clock_time(v.due.deadline, zone)
        table.add_row(v.due.title, due, f"[{colour}]{state.value.replace('_', ' ')}[/{colour}]", v.verdict.reason)
    console.print(table)
    for finding in report.findings:
        colour = "red" if finding.blocks else "yellow"
        console.print(f"[{colour}]{finding.code}[/{colour}] {finding.subject}: {finding.message}")
    console.print()


def _next(report: NightReport, console: Console) -> None:
    name = _own_name()
    question = "select usage_date, channel, unit, sum(usage_quantity) from fct_usage_daily group by all"
    console.print("[dim]try next[/dim]")
    console.print(f"  {name} status --date {report.business_date}")
    console.print(f'  {name} sql "{question}"', soft_wrap=True)
    if report.rejects:
        console.print(f"  {name} rejects show {report.rejects[0].receipt_id}")
    console.print("  make ui\n")


def _own_name() -> str:
    """Return how this command line is called from here: by name, or by its path in the environment."""
    if shutil.which("nightwatt"):
        return "nightwatt"
    path = Path(sys.executable).with_name("nightwatt")
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _clock_time(instant: datetime | None, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%H:%M}" if instant else ""
