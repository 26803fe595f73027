"""A night whose ledger is PostgreSQL: what dbt, readers and the stages make of it.

The ledger's own tests run on both databases and lie in tests/unit/ledger.
"""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.support.postgres import running_server

from nightwatt import stages
from nightwatt.ledger.models import Load, Receipt, Run
from nightwatt.settings import PROJECT_ROOT, Settings
from nightwatt.stages import Platform
from nightwatt.warehouse import run_sql

pytestmark = pytest.mark.system

NOW = datetime(2026, 3, 9, 8, 30, tzinfo=UTC)
READS = PROJECT_ROOT / "tests" / "data" / "public_reads" / "london" / "MAC000002.csv"


def test_a_file_goes_from_the_folder_to_readers(tmp_path: Path) -> None:
    with running_server() as server:
        _take_a_file(server.new_database(), tmp_path)


def _take_a_file(address: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", ledger_url=address, zone="Europe/London")
    inbound = settings.inbound / "london"
    inbound.mkdir(parents=True)
    shutil.copy(READS, inbound)
    catalog, day = PROJECT_ROOT / "examples" / "public_reads" / "catalog", date(2026, 3, 9)

    with Platform.open("test", settings, catalog, clock=lambda: NOW) as platform:
        arrived = stages.arrive(platform, "london_half_hours", day, wait=True)
        loaded = stages.load(platform, "london_half_hours", day)
        again = stages.load(platform, "london_half_hours", day)
        merged = stages.merge_reads(platform)
        stages.build(platform, "usage", day)
        published = stages.publish(platform, "usage", day)

        assert arrived.new == (READS.name,)
        assert loaded.rows_in == loaded.rows_kept == merged.inserted == len(READS.read_text().splitlines()) - 1
        assert (again.receipts, published.is_new, published.sequence) == (0, True, 2)
        with platform.ledger.read() as session:
            (receipt,), (load,) = session.scalars(select(Receipt)).all(), session.scalars(select(Load)).all()
            runs = {run.stage: run.state for run in session.scalars(select(Run))}
        assert (receipt.state, load.state, load.store_version) == ("loaded", "done", merged.version)
        assert {"load", "merge", "build", "publish"} <= set(runs) and set(runs.values()) == {"succeeded"}
        assert not (settings.root / "ledger").exists()
    question = "select receipt_state, rows_kept, arrived_at::varchar as at from ops_receipts"
    assert run_sql(settings, question).to_pylist() == [
        {"receipt_state": "loaded", "rows_kept": loaded.rows_kept, "at": "2026-03-09 08:30:00"}
    ]
