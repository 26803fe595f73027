"""What must hold before a version of the published warehouse may be seen.

Belongs here: comparing a version built aside with the warehouse it came from and with the version it
replaces. Does not belong here: writing either, and the checks of single files (`data_files.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb

from nightwatt import duck
from nightwatt.ledger.checks import CheckResult
from nightwatt.settings import Settings
from nightwatt.warehouse import duck_file
from nightwatt.warehouse.reconciliation import reconciliation_table
from nightwatt.warehouse.tables import READS_VIEW
from nightwatt.warehouse.versions import TableEntry, Version, data_folder

DAILY_TABLE = "fct_usage_daily"
RECONCILED_DAYS = 3
"""How many of the days touched last are added up again from the reads."""

MAY_BE_EMPTY_PCT = 100
"""The shrink limit of a table whose every row may go from one night to the next."""

TOLERANCE_PCT = Decimal("0.05")
"""How far source and publication may lie apart, in percent of the source, before readers keep the night before."""


def check_files(settings: Settings, version: Version) -> Iterator[CheckResult]:
    """Every file a version needs is there."""
    for name, table in sorted(version.tables.items()):
        paths = [data_folder(settings) / f.path for f in table.files] + [Path(p) for p in table.reads_files or ()]
        gone = sum(1 for p in paths if not p.exists())
        if gone:
            yield CheckResult(
                "publish.file_missing", name, False, True,
                f"{name}: {gone} of its {len(paths)} files are not on disk", {"missing": gone, "files": len(paths)},
            )  # fmt: skip


def check_views(settings: Settings, version: Version, path: Path) -> Iterator[CheckResult]:
    """Every view gives the rows and the columns it should."""
    with duck_file.attached(settings, path) as con:
        for name, table in sorted(version.tables.items()):
            yield from _check_view(con, name, table)


def _check_view(con: duckdb.DuckDBPyConnection, name: str, table: TableEntry) -> Iterator[CheckResult]:
    described = tuple((str(r[0]), str(r[1])) for r in con.execute(f"describe {duck.ident(name)}").fetchall())
    if described != table.columns:
        yield CheckResult(
            "publish.schema", name, False, True, f"{name}: the view's columns are not the table's",
            {"table": dict(table.columns), "view": dict(described)},
        )  # fmt: skip
    row = con.execute(f"select count(*) from {duck.ident(name)}").fetchone()
    seen = row[0] if row else None
    if seen != table.rows:
        yield CheckResult(
            "publish.row_count", name, False, True,
            f"{name}: the view gives {seen} rows, the warehouse has {table.rows}",
            {"warehouse": table.rows, "view": seen},
        )  # fmt: skip


def check_against_previous(
    version: Version, previous: Version | None, shrink_limits: Mapping[str, float]
) -> Iterator[CheckResult]:
    """No table is gone, is newly empty, or shrank by more than its limit (in percent); one whose limit is 100 may be
    empty: a list of what is wrong, for one.
    """
    for name, before in sorted(previous.tables.items() if previous else ()):
        now = version.tables.get(name)
        evidence = {"before": before.rows, "now": now.rows if now else None}
        if now is None:
            yield CheckResult(
                "publish.table_gone", name, False, True,
                f"{name} was published before and is no longer among the tables to publish", evidence,
            )  # fmt: skip
        elif before.rows and not now.rows and shrink_limits.get(name, 0) < MAY_BE_EMPTY_PCT:
            yield CheckResult(
                "publish.empty", name, False, True, f"{name} is empty; it had {before.rows} rows", evidence
            )
        elif name in shrink_limits and now.rows < before.rows * (1 - shrink_limits[name] / 100):
            lost = 100 * (1 - now.rows / before.rows)
            yield CheckResult(
                "publish.shrunk", name, False, True,
                f"{name} lost {lost:.1f} % of its rows ({before.rows} -> {now.rows}); the limit is "
                f"{shrink_limits[name]:g} %",
                {**evidence, "limit_pct": shrink_limits[name]},
            )  # fmt: skip


def check_usage(settings: Settings, version: Version, path: Path, days: Sequence[date]) -> Iterator[CheckResult]:
    """Reads and daily usage add up to the same for the days touched last, unit by unit."""
    needed = {
        READS_VIEW: {"read_date", "unit", "value"},
        DAILY_TABLE: {"usage_date", "unit", "usage_quantity"},
    }
    for name, columns in needed.items():
        table = version.tables.get(name)
        if table is None or not columns <= {c for c, _ in table.columns}:
            return
    with duck_file.attached(settings, path) as con:
        chosen = sorted(days)[-RECONCILED_DAYS:] or _latest_days(con)
        for day in chosen:
            yield from _check_day(con, day)


def _latest_days(con: duckdb.DuckDBPyConnection) -> list[date]:
    row = con.execute(f"select max(usage_date) from {DAILY_TABLE}").fetchone()
    return [row[0]] if row and row[0] else []


def _check_day(con: duckdb.DuckDBPyConnection, day: date) -> Iterator[CheckResult]:
    reads = _totals(con, f"select unit, sum(value) from {READS_VIEW} where read_date = ? group by 1", day)
    daily = _totals(con, f"select unit, sum(usage_quantity) from {DAILY_TABLE} where usage_date = ? group by 1", day)
    if reads == daily:
        return
    units = sorted(u for u in {*reads, *daily} if reads.get(u) != daily.get(u))
    yield CheckResult(
        "publish.usage_differs", DAILY_TABLE, False, True,
        f"{DAILY_TABLE}: usage of {day} is not the sum of its reads (units {', '.join(units)})",
        {"day": str(day), "reads": {u: reads.get(u) for u in units}, "daily": {u: daily.get(u) for u in units}},
    )  # fmt: skip


def _totals(con: duckdb.DuckDBPyConnection, query: str, day: date) -> dict[str, str]:
    return {str(unit): str(total) for unit, total in con.execute(query, [day]).fetchall() if total}


def check_reconciliation(settings: Settings, version: Version, path: Path, domain: str) -> Iterator[CheckResult]:
    """Every row and dollar of the source is published or in quarantine, up to the tolerance.

    A difference within the tolerance is a warning, so that a slow leak is seen before it stops a night.
    """
    name = reconciliation_table(domain)
    if name not in version.tables:
        return
    with duck_file.attached(settings, path) as con:
        found = con.execute(
            "select source_system, entity, measure, source_value, published_value, quarantined_value, "
            f"difference_value, variance_pct from {duck.ident(name)} where difference_value <> 0 order by all"
        ).fetchall()
    for system, entity, measure, source, published, quarantined, difference, variance in found:
        yield CheckResult(
            "reconcile.rows" if measure == "rows" else "reconcile.amount", f"{system} {entity}", False,
            variance > TOLERANCE_PCT,
            f"{entity} of {system}: the source has {source} ({measure}), published are {published} and quarantined "
            f"{quarantined}; account by account {difference} are in neither, {variance:.4f} %; the limit is "
            f"{TOLERANCE_PCT} %. "
            f"`nightwatt reconcile {domain}` names the accounts",
            {"domain": domain, "measure": measure, "source": str(source), "published": str(published),
             "quarantined": str(quarantined), "difference": str(difference), "variance_pct": str(variance),
             "limit_pct": str(TOLERANCE_PCT)},
        )  # fmt: skip
