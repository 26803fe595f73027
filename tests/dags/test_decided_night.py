"""A night about which a person decided, through the real DAG: it goes on, and with what.

Building and publishing are noted instead of done; waiting and loading are real.
"""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.platforms import NIGHT, House, accounts, house

from nightwatt import stages, warehouse
from nightwatt.ledger import receipts
from nightwatt.ledger.models import NightChoice

pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.filterwarnings("default")]  # Airflow runs in this process

DAG_FILE = Path(__file__).resolve().parents[2] / "dags" / "billing_nightly.py"


@pytest.fixture
def home(airflow: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A home in which accounts have come in part, and bills not at all; it is past every deadline."""
    bills = accounts(
        feed="bills", arrival=accounts()["arrival"] | {"pattern": "bills_{business_date:%Y%m%d}_{part}.csv"}
    )
    with house(tmp_path, accounts(), bills) as opened:
        opened.clock.now += timedelta(hours=4)
        monkeypatch.setenv("NIGHTWATT_HOME", str(opened.platform.settings.home))
        monkeypatch.setenv("NIGHTWATT_CATALOG", str(opened.platform.settings.catalog))
        monkeypatch.setenv("NIGHTWATT_CLOCK_AT", opened.clock.now.isoformat())
        opened.drop(1, rows=5)
        yield opened


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was built and published."""
    noted: list[str] = []

    def build(*_: object) -> stages.BuildSummary:
        noted.append("build")
        return stages.BuildSummary("billing", "full", False, 1, None, 0, 0, 0.0)

    def publish(*_: object) -> stages.PublishSummary:
        noted.append("publish")
        return stages.PublishSummary("billing", 2, NIGHT, True, {})

    monkeypatch.setattr(stages, "build", build)
    monkeypatch.setattr(stages, "publish", publish)
    monkeypatch.setattr(warehouse, "write_model_docs", lambda _: False)
    return noted


def run(home: House) -> dict[str, str]:
    """Run the night's DAG; return how each task ended."""
    dag = runpy.run_path(str(DAG_FILE))["feeds"][0].dag
    dag.deadline = None  # `dag.test()` of Airflow 3.3 trips over any
    for task in dag.tasks:
        task.retries = 0
    ended = dag.test(run_after=home.clock.now, logical_date=home.clock.now)
    return {"run": str(ended.state)} | {ti.task_id: str(ti.state) for ti in ended.get_task_instances()}


def test_the_night_goes_on_without_what_was_skipped_and_with_what_was_accepted(home: House, done: list[str]) -> None:
    stages.decide(home.platform, "bills", NIGHT, NightChoice.SKIP, "Ann", "no cycle closed")
    stages.decide(home.platform, "accounts", NIGHT, NightChoice.ACCEPT, "Ann", "the other part is damaged")

    ended = run(home)

    assert done == ["build", "publish"]
    assert ended == {
        "run": "success",
        "accounts.wait_for_files": "success", "accounts.load_files": "success",
        "bills.wait_for_files": "skipped", "bills.load_files": "skipped",
        "build_marts": "success", "publish_marts": "success", "write_data_dictionary": "success",
    }  # fmt: skip
    with home.platform.ledger.read() as session:
        (loaded,) = receipts.by_feed_and_date(session, "accounts", NIGHT)
    assert (loaded.state, loaded.rows_kept, loaded.is_complete) == ("loaded", 5, False)
