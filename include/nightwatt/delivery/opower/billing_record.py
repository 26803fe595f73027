"""What the partner has of a billing delivery, read from the archive of what was sent.

Belongs here: the rows of sent files as tables for the writer: accounts as they were last said, and the periods on
record after all overwrites. Does not belong here: making the archive (`delivery.sent_index`) or judging (`checker`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from nightwatt.delivery.opower import billing_sql as sql
from nightwatt.delivery.opower.billing_profile import BillingColumn, BillingProfile
from nightwatt.duck import ident, text_list

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Sent:
    """Indexes of files the partner got, in the order in which they arrived."""

    indexes: tuple[Path, ...] = ()  # of histories and incrementals: what the partner's records are made of
    samples: tuple[Path, ...] = ()  # they make no record, but an active date said there is said


@dataclass(frozen=True)
class _Told:
    """Rows of sent files: those with a value in the column `telling`, by the columns of the present profile."""

    telling: str
    columns: Sequence[BillingColumn]
    condition: str = "true"


def remember_customers(con: duckdb.DuckDBPyConnection, profile: BillingProfile, sent: Sent) -> None:
    """Make `sent_customer`, the last row of each account and service point, and `sent_active`, first active dates."""
    told = _Told("account_id", sql.customer_columns(profile))
    _rows(con, "sent_customer_row", sent.indexes, told, profile)
    con.execute(
        "create or replace temp table sent_customer as select account_id, service_point_id, premise_id, customer_id, "
        "try_strptime(active_date, '%Y%m%d')::date as active_date, "
        "try_strptime(nullif(inactive_date, ''), '%Y%m%d')::date as inactive_date, line from sent_customer_row "
        "qualify row_number() over (partition by account_id, service_point_id order by arrival desc, place desc) = 1"
    )
    _rows(con, "sent_active_row", (*sent.samples, *sent.indexes), told, profile)
    con.execute(
        "create or replace temp table sent_active as select account_id, "
        "try_strptime(arg_min(active_date, (arrival, place)), '%Y%m%d')::date as active_date "
        "from sent_active_row where active_date <> '' group by account_id"
    )


def remember_usage(con: duckdb.DuckDBPyConnection, profile: BillingProfile, sent: Sent, points: str) -> None:
    """Make `sent_usage`, the periods on record of the service points a query names.

    A period is on record until a later row covers all of it: that was an overlapping overwrite, or it was never sent.
    """
    told = _Told("date_to", sql.usage_columns(profile), f"service_point_id in ({points})")
    _rows(con, "sent_usage_row", sent.indexes, told, profile)
    later = 1 if profile.period.date_to == "last_day" else 0
    con.execute((_HERE / "billing_sent_usage.sql").read_text("utf-8").format(later=later))


def _rows(
    con: duckdb.DuckDBPyConnection, table: str, indexes: Sequence[Path], told: _Told, profile: BillingProfile
) -> None:
    """Make a table of rows of sent files, with their cells, the cells as one line, and their place."""
    names, telling = [c.name for c in told.columns], told.telling
    if not indexes:
        typed = ", ".join(f"''::varchar as {ident(name)}" for name in names)
        con.execute(
            f"create or replace temp table {table} as "
            f"select {typed}, '' as line, 0::bigint as arrival, 0::bigint as place where false"
        )
        return
    paths = text_list([str(p) for p in indexes])
    known = {str(r[0]) for r in con.execute(f"describe {_read(paths)}").fetchall()}
    cells = {name: f"coalesce({ident(name)}, '')" if name in known else "''" for name in names}
    shown = ", ".join(f"{expression} as {ident(name)}" for name, expression in cells.items())
    has_telling = f"coalesce({ident(telling)}, '') <> ''" if telling in known else "false"
    con.execute(
        f"create or replace temp table {table} as select {shown}, {sql.line(cells.values(), profile)} as line, "
        f"list_position({paths}, filename)::bigint as arrival, _line as place "
        f"from ({_read(paths)}) where {has_telling} and {told.condition}"
    )


def _read(paths: str) -> str:
    return f"select * from read_parquet({paths}, union_by_name = true, filename = true)"
