"""`nightwatt calendar`: what a night expects and owes, and what people decided about it.

Belongs here: the command and its layout. Does not belong here: the plan itself (`alerting.plan`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from nightwatt.cli.context import Context, console

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from nightwatt.alerting.plan import ExpectedFeed, NightPlan, Owed
    from nightwatt.ledger.models import NightDecision

MOST_DAYS = 400


def calendar(
    ctx: typer.Context,
    date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First business date; today's otherwise.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="So many nights, a line each.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, for programs.")] = False,
) -> None:
    """Show which files are due on a business date and what is owed, holidays and clock changes included."""
    from nightwatt.alerting.plan import night_plan
    from nightwatt.ledger import decisions

    context: Context = ctx.obj
    with context.platform() as platform, platform.ledger.read() as session:
        first = date.date() if date else platform.business_date()
        nights = [
            (night_plan(platform.catalog, day, platform.settings.tz), decisions.of_night(session, day))
            for day in (first + timedelta(days=n) for n in range(days))
        ]
    if as_json:
        plain = [_plain(plan, decided) for plan, decided in nights]
        typer.echo(json.dumps(plain if days > 1 else plain[0], indent=2))
    elif days > 1:
        _print_nights(nights)
    else:
        _print_night(*nights[0])


# --- one night --------------------------------------------------------------------------------------


def _print_night(plan: NightPlan, decided: Mapping[str, NightDecision]) -> None:
    console.print(f"\nNight of {plan.business_date:%A %d %B %Y}   {plan.zone.key}", markup=False)
    for line in _remarks(plan):
        console.print(line, markup=False)
    console.print()
    _print_expected(plan, decided)
    _print_resting(plan)
    _print_owed(plan)
    _print_decided(plan, decided)


def _remarks(plan: NightPlan) -> list[str]:
    remarks = [f"holiday: {plan.holiday}"] if plan.holiday else []
    return remarks + ([change] if (change := _clock_change(plan)) else [])


def _clock_change(plan: NightPlan) -> str:
    from nightwatt.calendar import local_days

    (day,) = local_days(plan.business_date, plan.business_date, plan.zone)
    if day.change_from is None or day.change_to is None:
        return ""
    hours = (day.end_utc - day.start_utc) / timedelta(hours=1)
    return f"clocks change from {day.change_from:%H:%M} to {day.change_to:%H:%M}: the day has {hours:g} hours"


def _print_expected(plan: NightPlan, decided: Mapping[str, NightDecision]) -> None:
    table = _table("files due", "at least", "by", "late at", "deadline", "", numbers=(1,))
    for feed in plan.expected():
        choice = decided.get(feed.feed)
        remark = _decision(choice, plan.zone) if choice else _rhythm(feed, plan.zone)
        times = (_at(t, plan) for t in (feed.expected_by, feed.late_at, feed.deadline))
        table.add_row(feed.feed, str(feed.files), *times, remark)
    console.print(table)


def _rhythm(feed: ExpectedFeed, zone: ZoneInfo) -> str:
    if feed.every and feed.alert_after:
        every, silence = (int(length.total_seconds() // 60) for length in (feed.every, feed.alert_after))
        return f"every {every} min, alert after {silence} min"
    if feed.rounds:
        return ", ".join(f"{r.files} by {r.by.astimezone(zone):%H:%M}" for r in feed.rounds)
    return "" if feed.why == "files come every day" else feed.why


def _print_resting(plan: NightPlan) -> None:
    resting = [feed for feed in plan.feeds if not feed.is_expected]
    if resting:
        table = _table("no files due", "why")
        for feed in resting:
            table.add_row(feed.feed, feed.why)
        console.print()
        console.print(table)


def _print_owed(plan: NightPlan) -> None:
    table = _table("owed", "by", "ask from")
    for owed in plan.owed:
        table.add_row(owed.title, _at(owed.deadline, plan), _at(owed.late_at, plan) if owed.late_at else "")
    console.print()
    console.print(table)


def _print_decided(plan: NightPlan, decided: Mapping[str, NightDecision]) -> None:
    for name, choice in sorted(decided.items()):
        told = f"{name}: {_decision(choice, plan.zone)} by {choice.decided_by}: {choice.reason}"
        console.print(told, markup=False, style="yellow")


def _decision(choice: NightDecision, zone: ZoneInfo) -> str:
    until = f" until {choice.until.astimezone(zone):%H:%M}" if choice.until else ""
    return f"{choice.choice}{until}"


def _at(instant: datetime, plan: NightPlan) -> str:
    """Return the wall-clock time, with the zone's short name on a day that has two."""
    local = instant.astimezone(plan.zone)
    return f"{local:%H:%M %Z}" if _clock_change(plan) else f"{local:%H:%M}"


def _table(*headings: str, numbers: tuple[int, ...] = ()) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for n, heading in enumerate(headings):
        table.add_column(heading, justify="right" if n in numbers else "left", no_wrap=n == 0, overflow="fold")
    return table


# --- many nights ------------------------------------------------------------------------------------


def _print_nights(nights: Sequence[tuple[NightPlan, Mapping[str, NightDecision]]]) -> None:
    table = _table("night", "", "files of", "owed", "remarks", numbers=(2, 3))
    for plan, decided in nights:
        resting = [feed.feed for feed in plan.feeds if not feed.is_expected]
        remarks = [
            *_remarks(plan),
            *([f"nothing of {', '.join(resting)}"] if resting else []),
            *(f"{name}: {_decision(choice, plan.zone)}" for name, choice in sorted(decided.items())),
        ]
        table.add_row(
            f"{plan.business_date}",
            f"{plan.business_date:%a}",
            f"{len(plan.expected())} feeds",
            str(len(plan.owed)),
            "; ".join(remarks),
        )
    console.print(table)


# --- for programs -----------------------------------------------------------------------------------


def _plain(plan: NightPlan, decided: Mapping[str, NightDecision]) -> dict[str, Any]:
    """Return a night as plain values; instants are the utility's wall clock with its offset."""

    def local(instant: datetime | None) -> str | None:
        return instant.astimezone(plan.zone).isoformat() if instant else None

    def feed(f: ExpectedFeed) -> dict[str, Any]:
        return {
            "feed": f.feed,
            "domain": f.domain,
            "is_expected": f.is_expected,
            "why": f.why,
            "files": f.files,
            "expected_by": local(f.expected_by),
            "late_at": local(f.late_at),
            "deadline": local(f.deadline),
            "rounds": [{"files": r.files, "by": local(r.by)} for r in f.rounds],
            "every_min": f.every.total_seconds() / 60 if f.every else None,
            "alert_after_min": f.alert_after.total_seconds() / 60 if f.alert_after else None,
        }

    def owed(o: Owed) -> dict[str, Any]:
        return {
            "kind": o.kind,
            "subject": o.subject,
            "title": o.title,
            "domain": o.domain,
            "late_at": local(o.late_at),
            "deadline": local(o.deadline),
        }

    def decision(d: NightDecision) -> dict[str, Any]:
        return {
            "feed": d.feed,
            "choice": d.choice,
            "until": local(d.until),
            "by": d.decided_by,
            "at": local(d.decided_at),
            "reason": d.reason,
        }

    return {
        "business_date": plan.business_date.isoformat(),
        "zone": plan.zone.key,
        "holiday": plan.holiday,
        "clock_change": _clock_change(plan) or None,
        "feeds": [feed(f) for f in plan.feeds],
        "owed": [owed(o) for o in plan.owed],
        "decisions": [decision(d) for _, d in sorted(decided.items())],
    }
