"""The DAG of feeds in near real time: there only where a catalog has some, and kept apart from the night."""

from __future__ import annotations

import runpy
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import select
from tests.dags import test_house_rules as rules

from nightwatt.contracts.catalog import PACKAGED, load_catalog
from nightwatt.ledger import Ledger
from nightwatt.ledger.models import Extraction, Publication, Receipt
from nightwatt.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[2]
DAG_FILE = REPOSITORY / "dags" / "account_changes.py"
EXAMPLE = REPOSITORY / "examples" / "ccb_sql" / "catalog" / "feeds"


@pytest.fixture
def dag(airflow: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The DAG as a deployment has it that pulls its accounts out of CC&B."""
    shutil.copytree(PACKAGED, tmp_path / "catalog")
    shutil.copy(EXAMPLE / "ccb_acct.yaml", tmp_path / "catalog" / "feeds")
    monkeypatch.setenv("NIGHTWATT_CATALOG", str(tmp_path / "catalog"))
    made = runpy.run_path(str(DAG_FILE))["taken"][0].operator.dag
    made.deadline = None  # `dag.test()` of Airflow 3.3 trips over any
    return made


def test_it_keeps_the_rules_of_the_house(dag: Any) -> None:
    bag = cast("Any", SimpleNamespace(dags={"account_changes": dag}))
    for rule in (
        rules.test_a_dag_says_what_it_is,
        rules.test_a_dag_carries_a_tier_and_a_domain,
        rules.test_a_nightly_dag_follows_the_local_clock,
        rules.test_a_dag_runs_once_at_a_time_and_only_for_its_own_date,
        rules.test_every_task_sets_retries_timeouts_callbacks_and_an_owner,
        rules.test_what_writes_takes_the_one_writer_slot,
    ):
        rule(bag, "account_changes")


def test_changes_are_taken_in_before_they_are_shown_and_ring_no_doorbell(dag: Any) -> None:
    assert {task.task_id: task.upstream_task_ids for task in dag.tasks} == {
        "take_ccb_acct": set(),
        "refresh_billing": {"take_ccb_acct"},
    }
    assert dag.get_task("refresh_billing").trigger_rule == "all_done"
    assert not dag.get_task("refresh_billing").outlets
    assert not dag.deadline


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Airflow runs in this process
def test_a_run_takes_changes_in_and_leaves_the_first_publication_to_the_night(
    dag: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract = tmp_path / "catalog" / "feeds" / "ccb_acct.yaml"
    contract.write_text(contract.read_text("utf-8").replace("CISADM.CI_ACCT", "CI_ACCT"), "utf-8")
    accounts = sqlite3.connect(tmp_path / "ccb.db")
    names = [column.name for column in load_catalog(tmp_path / "catalog").feed("ccb_acct").columns]
    columns = ", ".join(f"{name} {'timestamp' if name == 'LAST_UPDATE_DTTM' else 'text'}" for name in names)
    accounts.execute(f"create table ci_acct ({columns})")
    row = {"ACCT_ID": "0000000001", "SETUP_DT": "2019-05-04 00:00:00", "LAST_UPDATE_DTTM": "2026-03-09 11:00:00.000000"}
    accounts.execute(f"insert into ci_acct values ({', '.join('?' for _ in names)})", [row.get(n) for n in names])
    accounts.commit()
    monkeypatch.setenv("NIGHTWATT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NIGHTWATT_CLOCK_AT", "2026-03-09T12:00:00-04:00")
    monkeypatch.setenv("NIGHTWATT_SQL_CCB_URL", f"sqlite:///{tmp_path / 'ccb.db'}")
    noon = datetime(2026, 3, 9, 16, tzinfo=UTC)

    run = dag.test(run_after=noon, logical_date=noon)

    assert str(run.state) == "success"
    ledger = Ledger.open(Settings().ledger_address)
    with ledger.read() as session:
        (pulled,), (receipt,) = session.scalars(select(Extraction)).all(), session.scalars(select(Receipt)).all()
        assert session.scalars(select(Publication)).all() == []
    ledger.close()
    assert (pulled.state, pulled.rows, pulled.mark) == ("succeeded", 1, "2026-03-09 11:00:00.000000")
    assert (receipt.state, receipt.rows_kept, receipt.file_name) == ("loaded", 1, pulled.file_name)


def test_a_catalog_without_such_feeds_has_no_such_dag(airflow: None) -> None:
    made = runpy.run_path(str(DAG_FILE))
    assert made["feeds"] == []
    assert "taken" not in made
