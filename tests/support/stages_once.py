"""A build and a publication that die at a named step, for a process of their own.

Belongs here: what was going on. Does not belong here: what the next run must find.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

from tests.support.processes import die

from nightwatt.ledger import Ledger
from nightwatt.settings import Settings
from nightwatt.warehouse import BuildInputs, PublishedTable, TableInput, Terms, build, publish

USAGE = [
    PublishedTable("fct_usage_daily", "usage", "marts", ("service_point_id", "usage_date"), "usage_date"),
    PublishedTable("ops_receipts", "ops", "marts", ("id",)),
]


def publish_and_die(home: Path, step: str) -> None:
    """Publish the second night of a home as far as a step."""
    settings = Settings(home=home, memory_limit="500MB", threads=2)
    ledger = Ledger.open(settings.ledger_address)

    def at(name: str) -> None:
        if name == step:
            die()

    publish("usage", date(2026, 3, 10), USAGE, settings, ledger, terms=Terms(grace=timedelta(0)), at=at)


def build_and_die(home: Path, project: Path, step: str) -> None:
    """Build the second load of a home as far as a step."""
    settings = Settings(home=home, memory_limit="500MB", threads=2, dbt_project=project)
    table = TableInput({"per_id": "VARCHAR"}, [settings.lake / "ccb_per/load=2/part-0.parquet"], "billing", 2)

    def at(name: str) -> None:
        if name == step:
            die()

    inputs = BuildInputs({"ccb_per": table}, as_of=date(2026, 3, 9))
    build("billing", inputs, settings, Ledger.open(settings.ledger_address), at=at)
