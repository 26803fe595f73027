"""Which service points fell silent: counted in the published usage.

Belongs here: asking the published warehouse. Does not belong here: how many may (`checks.meters`), and who they are:
ids stay in the warehouse.
"""

from __future__ import annotations

from datetime import date
from importlib import resources

from nightwatt.ledger.checks import Reporting
from nightwatt.settings import Settings
from nightwatt.warehouse import query

LOOK_BACK_DAYS = 7
USUAL_DAYS = 5
"""A service point that had reads on so many of the days looked back on usually reports."""

_TABLE = "fct_usage_daily"


def reporting(settings: Settings, day: date) -> list[Reporting]:
    """Return how many service points usually report and did not on a local day, by commodity.

    Raises:
        TerminalError: `publish.none`.
    """
    statement = resources.files("nightwatt.warehouse").joinpath("silent_meters.sql").read_text("utf-8")
    with query.published(settings) as con:
        found = con.execute("select column_name from duckdb_columns() where table_name = ?", [_TABLE]).fetchall()
        columns = {str(row[0]) for row in found}
        if not {"commodity", "reads_received"} <= columns:
            return []
        rows = con.execute(
            statement, {"day": day, "look_back_days": LOOK_BACK_DAYS, "usual_days": USUAL_DAYS}
        ).fetchall()
    return [Reporting(*row) for row in rows]
