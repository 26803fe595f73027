"""`nightwatt reconcile`: does everything the sources sent stand in the publication or in quarantine?

Belongs here: the command and its tables. Does not belong here: the comparison (the warehouse).
"""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from nightwatt.cli.context import Context, console


def reconcile(
    ctx: typer.Context,
    domain: Annotated[str, typer.Argument(help="billing or usage.")] = "billing",
    entity: Annotated[str | None, typer.Option(help="List only accounts that differ in this entity.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many accounts to list.")] = 50,
) -> None:
    """Compare the last build with its sources, and name the accounts that make a difference."""
    from nightwatt.warehouse import reconciliation

    context: Context = ctx.obj
    settings = context.settings()
    overview = Table("entity", "system", "measure", "source", "published", "quarantined", "missing", "%", box=None)
    found = reconciliation.comparisons(settings, domain)
    for c in found:
        totals = (c.source, c.published, c.quarantined, c.difference)
        overview.add_row(c.entity, c.source_system, c.measure, *map(str, totals), f"{c.variance_pct:.4f}")
    console.print(overview)
    if not any(c.difference for c in found):
        console.print("nothing is missing: the source is what is published and quarantined")
        return
    listed = Table("entity", "system", "measure", "account or key", "source", "published", "quarantined", box=None)
    for a in reconciliation.accounts(settings, domain, entity, limit):
        amounts = (a.source, a.published, a.quarantined)
        listed.add_row(a.entity, a.source_system, a.measure, a.native_id, *map(str, amounts))
    console.print(listed)
