"""What the sources say beside what the last build made of it, for the person who must find a difference.

Belongs here: reading the reconciliation models of the warehouse, also where publication was refused because of them.
Does not belong here: adding up (the models `rpt_<domain>_reconciliation*`) and whether a difference stops a publication
(`publication_checks.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

import duckdb

from nightwatt import duck
from nightwatt.errors import TerminalError
from nightwatt.settings import Settings
from nightwatt.warehouse import duck_file

_SCHEMA = "marts"


@dataclass(frozen=True)
class Comparison:
    """One measure of one entity: the source's total is what is published and quarantined, or something is lost."""

    source_system: str
    entity: str
    measure: str  # rows, or a quantity with its unit
    source: Decimal
    published: Decimal
    quarantined: Decimal
    difference: Decimal  # added up account by account: what one lacks, another's surplus does not make good
    variance_pct: Decimal


@dataclass(frozen=True)
class AccountDifference:
    """One account (or other key, where an entity has no account) that makes part of a difference."""

    source_system: str
    entity: str
    measure: str
    native_id: str
    source: Decimal
    published: Decimal
    quarantined: Decimal


def reconciliation_table(domain: str) -> str:
    """Return the model that compares a domain's entities with their source."""
    return f"rpt_{domain}_reconciliation"


def comparisons(settings: Settings, domain: str) -> list[Comparison]:
    """Return every comparison of the last build of a domain, whether published or not.

    Raises:
        TerminalError: `reconcile.not_built`.
    """
    with _warehouse(settings, reconciliation_table(domain), domain) as (con, table):
        return read_comparisons(con, table)


def read_comparisons(con: duckdb.DuckDBPyConnection, table: str) -> list[Comparison]:
    """Return every comparison of a reconciliation, wherever it stands."""
    rows = con.execute(
        "select source_system, entity, measure, source_value, published_value, quarantined_value, "
        f"difference_value, variance_pct from {table} order by all"
    ).fetchall()
    return [Comparison(*row) for row in rows]


def accounts(settings: Settings, domain: str, entity: str | None, limit: int) -> list[AccountDifference]:
    """Return the accounts that make the difference, the largest first.

    Raises:
        TerminalError: `reconcile.not_built`.
    """
    with _warehouse(settings, f"{reconciliation_table(domain)}_accounts", domain) as (con, table):
        rows = con.execute(
            "select source_system, entity, measure, native_id, source_value, published_value, quarantined_value "
            f"from {table} where entity = coalesce($entity, entity) "
            "and source_value <> published_value + quarantined_value "
            "order by abs(source_value - published_value - quarantined_value) desc, "
            "source_system, entity, measure, native_id limit $limit",
            {"entity": entity, "limit": limit},
        ).fetchall()
    return [AccountDifference(*row) for row in rows]


@contextmanager
def _warehouse(settings: Settings, table: str, domain: str) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    with (
        duck_file.writer_lock(settings, f"look up the reconciliation of {domain}"),
        duck_file.reader(settings, duck_file.warehouse_file(settings)) as con,
    ):
        known = con.execute(
            "select count(*) from duckdb_tables() where schema_name = ? and table_name = ?", [_SCHEMA, table]
        ).fetchone()
        if not known or not known[0]:
            raise TerminalError(
                "reconcile.not_built",
                f"the warehouse holds no reconciliation of {domain}",
                f"run `nightwatt build {domain}`",
            )
        yield con, f"{_SCHEMA}.{duck.ident(table)}"
