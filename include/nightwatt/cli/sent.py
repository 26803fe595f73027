"""`nightwatt sent`: files sent or on their way, what was in them, and settling one whose fate only the partner knows.

Belongs here: printing sendings and their rows, taking an operator's word. Does not belong here: sending, searching
(delivery). Rows go to standard output and nowhere else.
"""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Mapping
from datetime import datetime
from itertools import groupby, islice
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from nightwatt.cli.context import Context, console

if TYPE_CHECKING:
    from nightwatt.contracts.delivery import Delivery
    from nightwatt.delivery.sent_search import Difference, SentRow
    from nightwatt.ledger.models import Answer
    from nightwatt.stages import Platform

app = typer.Typer(no_args_is_help=True)

Day = Annotated[datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="Business date.")]


@app.command("list")
def list_sendings(
    ctx: typer.Context, date: Day = None, limit: Annotated[int, typer.Option(help="How many, newest.")] = 50
) -> None:
    """List files sent and files under way, oldest first."""
    from nightwatt.ledger import acknowledgements, populations, sendings

    context: Context = ctx.obj
    table = Table(box=None, pad_edge=False)
    for heading in ("sending", "business date", "phase", "file", "rows", "state", "answer", "to", "message"):
        table.add_column(heading, overflow="fold")  # a name cut short is of no use to anybody
    with context.platform() as platform, platform.ledger.read() as session:
        listed = sendings.recent(session, limit, date.date() if date else None)
        answers = acknowledgements.by_sending(session, [s.id for s in listed])
        approvers = populations.approvers(session, [s.approval_id for s in listed if s.approval_id])
        for s in listed:
            phase = f"{s.phase}, approved by {approvers[s.approval_id]}" if s.approval_id in approvers else s.phase
            row = (str(s.id), str(s.business_date), phase, s.file_name, f"{s.rows:,}", s.state)
            table.add_row(*row, _answer(answers.get(s.id)), s.remote_path, s.message or "")
    console.print(table)


def _answer(answer: Answer | None) -> str:
    """Say in a word what the partner said about a file; nothing where it is not asked."""
    if answer is None:
        return ""
    return f"{answer.state}, {answer.refused:,} refused" if answer.refused else answer.state


@app.command()
def show(
    ctx: typer.Context,
    sending: Annotated[str, typer.Argument(help="A sending's number, or a file's name.")],
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
) -> None:
    """Show a file's receipt: name, hash, rows, bytes, phase, when, where to, and who approved."""
    from nightwatt.delivery.receipts import receipt_of
    from nightwatt.ledger import sendings

    context: Context = ctx.obj
    with context.platform() as platform:
        with platform.ledger.read() as session:
            row = sendings.named(session, sending)
        facts = receipt_of(platform.settings, platform.ledger, row)
    if as_json:
        sys.stdout.write(json.dumps(facts, ensure_ascii=False) + "\n")
        return
    for name, value in facts.items():
        if value is not None:
            console.print(f"{name.replace('_', ' '):<16} {value}", markup=False, soft_wrap=True)


@app.command()
def settle(
    ctx: typer.Context,
    sending: int,
    arrived: Annotated[
        bool,
        typer.Option("--arrived/--not-arrived", help="What the partner says: they have it, or it goes again."),
    ],
) -> None:
    """Settle a sending in state `unknown`, after asking the partner whether the file came."""
    from nightwatt.ledger import sendings

    context: Context = ctx.obj
    with context.platform() as platform, platform.ledger.write() as session:
        row = sendings.resolve(session, sending, arrived=arrived, at=platform.clock(), by=getpass.getuser())
        what = "counts as delivered" if arrived else "goes again with the next `nightwatt deliver`"
        console.print(f"{row.file_name} {what}", markup=False)


@app.command()
def prune(
    ctx: typer.Context,
    delivery: Annotated[str | None, typer.Option(help="Only what this delivery sent.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be removed.")] = False,
) -> None:
    """Remove our copies of files older than their contract's `keep_years`; the ledger keeps every receipt.

    Never removed: what has not arrived or is not answered for, the newest files, and what later files depend on.
    """
    from nightwatt.delivery.sent_prune import prune as prune_copies

    context: Context = ctx.obj
    with context.platform() as platform:
        catalog = platform.catalog
        for contract in [catalog.delivery(delivery)] if delivery else catalog.deliveries.values():
            done = prune_copies(platform.settings, platform.ledger, contract, dry_run=dry_run)
            what = "would go" if dry_run else "removed"
            kept = "".join(f"; {count} as old kept ({reason})" for reason, count in done.kept.items())
            console.print(
                f"{done.delivery}: {len(done.files)} file(s) of before {done.before:%Y-%m-%d} {what}, "
                f"{done.size_bytes:,} bytes{kept}",
                markup=False,
            )
            for name in done.files:
                console.print(f"  {name}", markup=False)


@app.command()
def find(
    ctx: typer.Context,
    service_point: Annotated[str | None, typer.Option(help="Service point, as in the files.")] = None,
    account: Annotated[
        str | None, typer.Option(help="Account, ours or CC&B's; also what its service points used while it was there.")
    ] = None,
    date: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], help="Local day of a read, or a day in a billed period."),
    ] = None,
    delivery: Annotated[str | None, typer.Option(help="Look only into what this delivery sent.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many rows, the first ones sent.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Write a JSON object a line; no limit.")] = False,
) -> None:
    """List every row ever sent for a service point, an account, a day: file, line, when, and the row.

    What is shown is personal data; keep it as you keep the files.
    """
    from nightwatt.delivery.sent_search import Wanted
    from nightwatt.delivery.sent_search import find as find_rows

    if service_point is None and account is None and date is None:
        raise typer.BadParameter("say at least one of --service-point, --account and --date")
    context: Context = ctx.obj
    wanted = Wanted(service_point, account, date.date() if date else None)
    with context.platform() as platform:
        catalog = platform.catalog
        contracts = [catalog.delivery(delivery)] if delivery else list(catalog.deliveries.values())
        rows = find_rows(platform.settings, platform.ledger, contracts, wanted)
        if as_json:
            for row in rows:
                sys.stdout.write(json.dumps(row.to_dict(), ensure_ascii=False) + "\n")
        else:
            _print_rows(list(islice(rows, limit + 1)), limit)


def _print_rows(rows: list[SentRow], limit: int) -> None:
    """Print rows file by file."""
    for (sent_at, sending, file), of_file in groupby(
        rows[:limit], key=lambda r: (r.sent_at, r.sending_id, r.file_name)
    ):
        alike = list(of_file)
        console.print(f"{sent_at:%Y-%m-%d %H:%M:%S} UTC, sending {sending}, {file}", markup=False)
        table = Table("line", *alike[0].cells, box=None, pad_edge=False)
        for r in alike:
            table.add_row(str(r.line), *map(escape, r.cells.values()))
        console.print(table)
    more = "; there are more: raise --limit, or take --json" if len(rows) > limit else ""
    console.print(f"{min(len(rows), limit):,} row(s){more}")


@app.command()
def diff(
    ctx: typer.Context,
    first: Annotated[str, typer.Argument(help="A sending's number, or a file's name.")],
    second: Annotated[str, typer.Argument(help="Another one of the same delivery.")],
    limit: Annotated[int, typer.Option(min=0, help="How many rows that differ are listed.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON object.")] = False,
) -> None:
    """Show what changed between two sendings: rows only in one, and rows whose values differ.

    What is shown is personal data; keep it as you keep the files.
    """
    from nightwatt.delivery.sent_search import compare

    context: Context = ctx.obj
    with context.platform() as platform:
        contract, sendings = _two(platform, first, second)
        found = compare(platform.settings, platform.ledger, contract, sendings, limit)
    if as_json:
        sys.stdout.write(json.dumps(_plain(found), ensure_ascii=False) + "\n")
    else:
        _print_difference(found)


def _two(platform: Platform, first: str, second: str) -> tuple[Delivery, tuple[int, int]]:
    """Return the sendings asked for, and the delivery both belong to."""
    from nightwatt.ledger import sendings

    with platform.ledger.read() as session:
        rows = [sendings.named(session, name) for name in (first, second)]
    if rows[0].delivery != rows[1].delivery:
        raise typer.BadParameter(f"one is of {rows[0].delivery}, the other of {rows[1].delivery}")
    for row in rows:
        if row.delivered_at is None:
            raise typer.BadParameter(f"{row.file_name} is {row.state}: it has not been sent")
        if row.pruned_at is not None:
            raise typer.BadParameter(f"{row.file_name}: our copy was pruned on {row.pruned_at:%Y-%m-%d}")
    return platform.catalog.delivery(rows[0].delivery), (rows[0].id, rows[1].id)


def _print_difference(found: Difference) -> None:
    table = Table("", "line", "key", "first", "second", box=None, pad_edge=False)
    for change in found.changes:
        lines = " -> ".join(str(n) for n in (change.first_line, change.second_line) if n is not None)
        table.add_row(_SIGNS[change.kind], lines, *map(_cells, (change.key, change.first, change.second)))
    if found.changes:
        console.print(table)
    for names, where in ((found.columns_only_first, "first"), (found.columns_only_second, "second")):
        if names:
            console.print(f"columns only in the {where}: {', '.join(names)}", markup=False)
    listed = len(found.changes)
    all_of_them = found.only_first + found.only_second + found.changed
    console.print(
        f"{found.only_first:,} row(s) only in the first, {found.only_second:,} only in the second, "
        f"{found.changed:,} changed, {found.same:,} the same"
        + (f"; {listed:,} of {all_of_them:,} shown" if listed < all_of_them else "")
    )


_SIGNS = {"only_first": "-", "only_second": "+", "changed": "~"}


def _cells(cells: Mapping[str, str]) -> str:
    return escape(" ".join(f"{name}={value}" for name, value in cells.items()))


def _plain(found: Difference) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(found)
