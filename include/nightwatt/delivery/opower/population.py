"""Whose reads a file takes: the contract's customer classes, active accounts in a history, the accounts of a sample.

Belongs here: turning agreements into a condition on service points. Does not belong here: which days and loads
(`delivery.phases`), or the accounts of billing files, which carry them themselves.

A service point belongs to the population of the agreement it is served by now, or was last: so to one only. One whose
agreement nobody knows yet is in where no class is asked for. Of a point that serves nobody, a history takes the days
since it was left: who moves in later, or did and is not known yet, has no gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from nightwatt.delivery.opower.interval_sql import template
from nightwatt.delivery.phases import Sample
from nightwatt.errors import TerminalError

_TABLE = "delivery_points"
_AFTER_LEAVING = f"""read_date >= coalesce(
    (select p.vacant_since from {_TABLE} as p where p.service_point_id = fct_interval_reads.service_point_id),
    date '0001-01-01'
)"""


@dataclass(frozen=True)
class Population:
    """Whose reads."""

    classes: tuple[str, ...]  # of customers; all of them where empty
    is_history: bool  # of active accounts only
    day: date  # on which an account is active or not
    sample: Sample | None

    def condition(self, con: duckdb.DuckDBPyConnection) -> str:
        """Return the SQL condition on a read's service point, after looking the points up.

        Raises:
            TerminalError: `delivery.no_agreements`: they are not published, and the condition needs them.
        """
        if not (self.classes or self.is_history):
            return "true"
        try:
            con.execute(f"create or replace temp table {_TABLE} as {template('population.sql')}", self._parameters())
        except duckdb.CatalogException as e:
            raise TerminalError(
                "delivery.no_agreements",
                "the population needs customers' agreements, and dim_service_agreement is not published",
                "publish billing first: `nightwatt build billing`, `nightwatt publish billing`",
            ) from e
        parts = []
        if self.classes or self.sample:
            parts.append(f"service_point_id in (select service_point_id from {_TABLE} where is_in)")
        if self.is_history:
            parts.append(_AFTER_LEAVING)
        return " and ".join(parts)

    def _parameters(self) -> dict[str, object]:
        sample = self.sample or Sample(0, 0)
        return {
            "classes": list(self.classes),
            "day": self.day,
            "is_sample": self.sample is not None,
            "seed": str(sample.seed),
            "size": sample.size,
        }
