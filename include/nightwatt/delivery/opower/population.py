"""Whose reads a file takes: the contract's customer classes, active accounts in a history, the accounts of a sample.

Belongs here: turning agreements into a condition on service points. Does not belong here: which days and loads
(`delivery.phases`), or the accounts of billing files, which carry them themselves.

A service point's day belongs to the agreement that began last: so to one population only, though days of one point
may go to several. A point whose agreement nobody knows yet is in where no class is asked for. Of a point that serves
nobody, a history takes the days since it was left: who moves in later, or did and is not known yet, has no gap. Nor has
who comes into the population with an agreement that was entered late: the days since it began go with the next
incremental, whatever load brought them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from nightwatt.delivery.opower.interval_sql import template
from nightwatt.delivery.phases import Sample
from nightwatt.errors import TerminalError

_POINTS, _DAYS = "delivery_points", "delivery_days"
_OF_POINT = "service_point_id = fct_interval_reads.service_point_id"
_AFTER_LEAVING = f"""read_date >= coalesce(
    (select p.vacant_since from {_POINTS} as p where p.{_OF_POINT}), date '0001-01-01'
)"""
_OF_CLASSES = f"""(
    service_point_id in (select service_point_id from {_POINTS} where are_of_class)
    or exists (
        select 1 from {_DAYS} as d where d.{_OF_POINT} and read_date >= d.from_day and read_date < d.until_day
    )
)"""
_CHOSEN = f"service_point_id in (select service_point_id from {_POINTS} where is_chosen)"
_JOINED = f"""service_point_id in (select service_point_id from {_DAYS} where is_new)
    and exists (
        select 1 from {_DAYS} as d
        where d.{_OF_POINT} and d.is_new and read_date >= d.active_date and read_date < d.until_day
    )"""


@dataclass(frozen=True)
class Population:
    """Whose reads."""

    classes: tuple[str, ...]  # of customers; all of them where empty
    is_history: bool  # of active accounts only
    day: date  # on which an account is active or not
    sample: Sample | None
    agreements_since: int | None = None  # newest load of agreements that the last file knew; None: there was none

    def look_up(self, con: duckdb.DuckDBPyConnection) -> Members:
        """Look the service points up, and return who is in.

        Raises:
            TerminalError: `delivery.no_agreements`: they are not published, and the population needs them.
        """
        if not (self.classes or self.is_history):
            return Members()
        try:
            self._find(con)
        except duckdb.CatalogException as e:
            raise TerminalError(
                "delivery.no_agreements",
                "the population needs customers' agreements, and they are not published",
                "publish billing first: `nightwatt build billing`, `nightwatt publish billing`",
            ) from e
        wanted = ((_OF_CLASSES, self.classes), (_CHOSEN, self.sample), (_AFTER_LEAVING, self.is_history))
        return Members(" and ".join(condition for condition, is_asked in wanted if is_asked), self._joined(con))

    def _find(self, con: duckdb.DuckDBPyConnection) -> None:
        sample = self.sample or Sample(0, 0)
        bound = {"classes": list(self.classes), "day": self.day, "seed": str(sample.seed), "size": sample.size}
        con.execute(f"create or replace temp table {_POINTS} as {template('population.sql')}", bound)
        if self.classes:
            bound = {"classes": list(self.classes), "agreements_since": self.agreements_since}
            con.execute(f"create or replace temp table {_DAYS} as {template('population_days.sql')}", bound)

    def _joined(self, con: duckdb.DuckDBPyConnection) -> str | None:
        if not self.classes or self.is_history:
            return None
        first = con.execute(f"select min(active_date) from {_DAYS} where is_new").fetchone()
        if first is None or first[0] is None:
            return None
        return f"read_date >= date '{first[0].isoformat()}' and {_JOINED}"


@dataclass(frozen=True)
class Members:
    """Who is in a population, as SQL conditions on a read."""

    condition: str = "true"
    joined: str | None = None  # reads of those the last file did not know; None where there are none


def agreements_through(con: duckdb.DuckDBPyConnection) -> int | None:
    """Return the newest load of the agreements that are published."""
    row = con.execute("select through_sequence from publication where domain = 'billing'").fetchone()
    return None if row is None else int(row[0])
